package meter_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/internal/wasmhost/meter"
)

// goGuest builds the plugin in testdata/guest.
func goGuest(t testing.TB) []byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), "guest.wasm")
	cmd := exec.Command("go", "build", "-buildmode=c-shared", "-ldflags=-s -w", "-o", out, "./testdata/guest")
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0", "GOFLAGS=")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building the Go guest: %v\n%s", err, text)
	}
	wasm, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return wasm
}

// BenchmarkMetered runs the same call plain and metered in turns and reports the medians of both and
// of their ratio. Calls are short, so that on a busy machine most are not interrupted; use many, as
// with -benchtime 300x.
func BenchmarkMetered(b *testing.B) {
	guest := goGuest(b)
	for _, c := range []struct {
		name, export string
		wasm         []byte
		args         []uint64
	}{
		{"loop/hash", "hash", fixture(b, "loop.wasm"), []uint64{60, 2000}},
		{"loop/count", "count", fixture(b, "loop.wasm"), []uint64{200000}},
		{"calls/fib", "fib", fixture(b, "calls.wasm"), []uint64{20}},
		{"go/words", "words", guest, []uint64{50}},
		{"go/bytes", "bytes", guest, []uint64{50}},
		{"go/recurse", "recurse", guest, []uint64{1000}},
	} {
		b.Run(c.name, func(b *testing.B) { compare(b, c.wasm, c.export, c.args) })
	}
}

func compare(b *testing.B, wasm []byte, export string, args []uint64) {
	plain, metered := start(b, wasm), start(b, rewrite(b, wasm))
	plain.must(export, args...)
	metered.must(export, args...)
	var base, cost, ratio []float64
	for b.Loop() {
		p, m := clock(plain, export, args), clock(metered, export, args)
		base, cost, ratio = append(base, p), append(cost, m), append(ratio, m/p)
	}
	b.ReportMetric(median(base), "plain-us")
	b.ReportMetric(median(cost), "metered-us")
	b.ReportMetric(median(ratio), "ratio")
	b.ReportMetric(float64(metered.usedNow()), "steps")
	b.ReportMetric(0, "ns/op")
}

func clock(g *guest, export string, args []uint64) float64 {
	begin := time.Now()
	g.must(export, args...)
	return float64(time.Since(begin).Nanoseconds()) / 1000
}

func median(list []float64) float64 {
	slices.Sort(list)
	return list[len(list)/2]
}

// BenchmarkRewrite measures the pass itself.
func BenchmarkRewrite(b *testing.B) {
	wasm := goGuest(b)
	b.SetBytes(int64(len(wasm)))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := meter.Rewrite(wasm, meter.Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}
