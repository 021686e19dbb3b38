package bench

import (
	"bytes"
	"encoding/json"
	"flag"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/kvasir-cache/kvasir/internal/eval"
)

var rewrite = flag.Bool("rewrite", false, "write the stream and the golden files anew")

// ownRequest is a line of the stream of kvasir.
type ownRequest struct {
	Prompt string `json:"prompt"`
	Group  int    `json:"group"`
	Kind   string `json:"kind"`
}

// variants are light changes, after which the same answer serves.
var variants = []func(string) string{
	strings.ToUpper,
	strings.ToLower,
	func(p string) string { return "Please, " + strings.ToLower(p[:1]) + p[1:] },
	func(p string) string { return p + " Thanks!" },
	func(p string) string { return strings.TrimRight(p, "?.") },
	func(p string) string { return strings.ReplaceAll(p, " ", "  ") },
	func(p string) string { return "  " + p + "\n" },
}

// ownStream makes the stream from the prompts: at each step a new prompt or, as often as prompts allow, an older
// one again or a light variant of it. A trap comes soon after what it looks like.
func ownStream(t *testing.T) []byte {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 1))
	type asked struct {
		prompt string
		group  int
	}
	var out bytes.Buffer
	var seen, traps []asked
	lines := bytes.Split(bytes.TrimSpace(testdata(t, "prompts.tsv")), []byte("\n"))
	rng.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
	group := 0
	put := func(a asked, kind string) {
		line, err := json.Marshal(ownRequest{a.prompt, a.group, kind})
		if err != nil {
			t.Fatal(err)
		}
		out.Write(append(line, '\n'))
	}
	for len(lines) > 0 || len(traps) > 0 {
		switch draw := rng.IntN(100); {
		case draw < 30 && len(seen) > 0:
			put(seen[rng.IntN(len(seen))], "repeat")
		case draw < 55 && len(seen) > 0:
			a := seen[rng.IntN(len(seen))]
			a.prompt = variants[rng.IntN(len(variants))](a.prompt)
			put(a, "variant")
		case draw < 65 && len(traps) > 0 || len(lines) == 0:
			put(traps[0], "trap")
			seen, traps = append(seen, traps[0]), traps[1:]
		default:
			prompt, trap, _ := strings.Cut(string(lines[0]), "\t")
			lines = lines[1:]
			put(asked{prompt, group}, "new")
			seen = append(seen, asked{prompt, group})
			if trap != "" {
				traps = append(traps, asked{trap, group + 1})
			}
			group += 2
		}
	}
	return out.Bytes()
}

func testdata(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func TestOwnStream_ComesFromItsPrompts(t *testing.T) {
	made := ownStream(t)
	if *rewrite {
		if err := os.WriteFile("own.jsonl", made, 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(made) != OwnStream {
		t.Error("own.jsonl is not what the prompts make; run the test with -rewrite")
	}
	stream, err := eval.ReadStream(strings.NewReader(OwnStream))
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	for _, a := range stream {
		kinds[a.Kind]++
	}
	for _, kind := range []string{"new", "repeat", "variant", "trap"} {
		if kinds[kind] < 20 {
			t.Errorf("there are %d requests of the kind %s, want at least 20", kinds[kind], kind)
		}
	}
}
