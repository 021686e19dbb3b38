package hostapi_test

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// frameOf reads worked bytes: hex, with text after # for people. They were made from the drawing in
// docs/plugins/abi.md and not by this package; no test rewrites them.
func frameOf(t testing.TB, name string) []byte {
	t.Helper()
	var digits strings.Builder
	for line := range strings.Lines(string(read(t, "frames", name+".hex"))) {
		code, _, _ := strings.Cut(line, "#")
		digits.WriteString(strings.Join(strings.Fields(code), ""))
	}
	b, err := hex.DecodeString(digits.String())
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return b
}

// examplesOf lists the examples whose names begin with a prefix.
func examplesOf(t testing.TB, prefix string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", "examples", prefix+"*.json"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("examples %s*: got %d, %v", prefix, len(paths), err)
	}
	names := make([]string, len(paths))
	for i, path := range paths {
		names[i] = filepath.Base(path)
	}
	return names
}

func example(t testing.TB, name string) []byte { return read(t, "examples", name) }

func read(t testing.TB, folder, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", folder, name))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// roleOf reads the hook out of a name such as decision_on_hit.json.
func roleOf(name, prefix string) string {
	return strings.TrimSuffix(strings.TrimPrefix(name, prefix), ".json")
}
