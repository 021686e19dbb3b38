package difference_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// A guest is one instance of difference.wasm, called as a host calls it.
type guest struct {
	t   testing.TB
	mod api.Module
}

// A report is what kvasir_explain answers.
type report struct {
	Verdict     string
	Reason      string
	Differences []difference
}

type difference struct {
	Type      string
	Query     string
	Candidate string
	At        [4]int
	Allowed   bool
}

const failed = 1 << 63

func newGuest(t testing.TB) *guest {
	t.Helper()
	code, err := os.ReadFile("difference.wasm")
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	runtime := wazero.NewRuntime(ctx)
	t.Cleanup(func() { runtime.Close(ctx) })
	mod, err := runtime.Instantiate(ctx, code)
	if err != nil {
		t.Fatal(err)
	}
	return &guest{t, mod}
}

// call hands data to an export and returns its packed result.
func (g *guest) call(export string, data []byte) uint64 {
	g.t.Helper()
	ctx := context.Background()
	at, err := g.mod.ExportedFunction("kvasir_alloc").Call(ctx, uint64(len(data)))
	if err != nil {
		g.t.Fatalf("kvasir_alloc(%d): %v", len(data), err)
	}
	if !g.mod.Memory().Write(uint32(at[0]), data) {
		g.t.Fatalf("kvasir_alloc(%d) = %d, outside the guest's memory", len(data), at[0])
	}
	out, err := g.mod.ExportedFunction(export).Call(ctx, at[0], uint64(len(data)))
	if err != nil {
		g.t.Fatalf("%s: %v", export, err)
	}
	return out[0]
}

func (g *guest) result(packed uint64) []byte {
	g.t.Helper()
	if packed&failed != 0 {
		g.t.Fatalf("the guest failed with code %d", uint32(packed))
	}
	b, ok := g.mod.Memory().Read(uint32(packed>>32), uint32(packed))
	if !ok {
		g.t.Fatalf("result %#x lies outside the guest's memory", packed)
	}
	return b
}

func frame(query string, candidates ...string) []byte {
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(candidates)))
	b = binary.LittleEndian.AppendUint32(b, 0)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(query)))
	for _, c := range candidates {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(c)))
	}
	b = append(b, query...)
	for _, c := range candidates {
		b = append(b, c...)
	}
	return b
}

func (g *guest) score(query string, candidates ...string) []float32 {
	g.t.Helper()
	b := g.result(g.call("kvasir_score", frame(query, candidates...)))
	if len(b) != 4*len(candidates) {
		g.t.Fatalf("%d bytes of scores for %d candidates", len(b), len(candidates))
	}
	scores := make([]float32, len(candidates))
	for i := range scores {
		scores[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return scores
}

// same says whether the answer to candidate may serve query. It checks that the score is 0 or 1, that the verdict does
// not depend on which text is asked about which, and that the report agrees.
func (g *guest) same(query, candidate string) bool {
	g.t.Helper()
	there, back := g.score(query, candidate)[0], g.score(candidate, query)[0]
	if there != 0 && there != 1 {
		g.t.Errorf("score %v of %q and %q, want 0 or 1", there, query, candidate)
	}
	if there != back {
		g.t.Errorf("score %v of %q and %q, and %v the other way round", there, query, candidate, back)
	}
	if r := g.explain(query, candidate); (r.Verdict == "same") != (there == 1) {
		g.t.Errorf("score %v of %q and %q, and the report says %q", there, query, candidate, r.Verdict)
	}
	return there == 1
}

func (g *guest) explain(query, candidate string) report {
	g.t.Helper()
	b := g.result(g.call("kvasir_explain", frame(query, candidate)))
	var r report
	if err := json.Unmarshal(b, &r); err != nil {
		g.t.Fatalf("report on %q and %q: %v in %s", query, candidate, err, b)
	}
	if err := r.check(len(query), len(candidate)); err != nil {
		g.t.Errorf("report on %q and %q: %v in %s", query, candidate, err, b)
	}
	return r
}

// check holds for every report: places lie in the texts, and only a different verdict has a refused difference.
func (r report) check(queryLen, candidateLen int) error {
	refused := 0
	for _, d := range r.Differences {
		at := d.At
		if at[0] > at[1] || at[1] > queryLen || at[2] > at[3] || at[3] > candidateLen {
			return fmt.Errorf("difference at %v, outside texts of %d and %d bytes", at, queryLen, candidateLen)
		}
		if !d.Allowed {
			refused++
		}
	}
	if r.Reason == "" || len(r.Differences) > 32 {
		return fmt.Errorf("reason %q, %d differences", r.Reason, len(r.Differences))
	}
	if r.Verdict == "same" && refused > 0 {
		return fmt.Errorf("verdict same, and %d differences refused", refused)
	}
	return nil
}
