package eval

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kvasir-cache/kvasir/engine"
	"github.com/kvasir-cache/kvasir/internal/ngram"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

type lower struct{}

func (lower) Normalize(_ context.Context, text string) (string, error) {
	return strings.ToLower(strings.TrimRight(text, "?.")), nil
}

// guardFunc is a guard that lets pass what f does.
type guardFunc func(query, candidate string) (bool, error)

func (f guardFunc) Score(_ context.Context, query string, candidates []string) ([]float32, error) {
	scores := make([]float32, len(candidates))
	for i, c := range candidates {
		ok, err := f(query, c)
		if err != nil {
			return nil, err
		}
		if ok {
			scores[i] = 1
		}
	}
	return scores, nil
}

// sameDigits is a guard that sees numbers and nothing else, so that other traps get through.
func sameDigits(query, candidate string) (bool, error) {
	return digits(query) == digits(candidate), nil
}

func digits(text string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, text)
}

func strategy(guard engine.Scorer) *engine.Strategy {
	return &engine.Strategy{
		Name: "default", Normalizers: []engine.Normalizer{lower{}}, Generation: func() [16]byte { return [16]byte{1} },
		Grams: ngram.Spec{Unit: ngram.Char, Min: 2, Max: 3}, Floor: 0.6, SearchFloor: 0.6, Threshold: 0.9, Guard: guard,
	}
}

func ownPairs(t *testing.T) []Pair {
	t.Helper()
	pairs, err := ReadPairs(bytes.NewReader(read(t, "testdata/pairs.tsv")))
	if err != nil {
		t.Fatal(err)
	}
	return pairs
}

func ownStream(t *testing.T) []Asked {
	t.Helper()
	stream, err := ReadStream(bytes.NewReader(read(t, "testdata/stream.jsonl")))
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// golden compares what was written with a file in testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *rewrite {
		if err := os.WriteFile(path, got, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if want := read(t, path); !bytes.Equal(got, want) {
		t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
	}
}
