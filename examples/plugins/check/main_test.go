package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRun_ReportsWhatAPluginDoes(t *testing.T) {
	wrong := filepath.Join(t.TempDir(), "wrong.jsonl")
	if err := os.WriteFile(wrong, []byte(`{"op":"normalize","text":"A","want":"A"}`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name           string
		args           []string
		code           int
		stdout, stderr string
	}{
		{"a module", []string{"-vectors", "../testdata/normalizer.jsonl", "../c/normalizer/normalizer.wasm"}, 0, "pass  vectors\n", ""},
		{"a script", []string{"-symmetric", "-vectors", "../testdata/scorer.jsonl", "../script/scorer.star"}, 0, " passed, 0 failed, ", ""},
		{"a wrong answer", []string{"-vectors", wrong, "../c/normalizer/normalizer.wasm"}, 1, "FAIL  vectors\n      line 1: \"A\": got \"a\", want \"A\"\n", ""},
		{"no plugin", []string{"main.go"}, 1, "", `check: error: plugin "main.go": load: `},
		{"no such file", []string{"none.wasm"}, 1, "", "none.wasm"},
		{"no such vectors", []string{"-vectors", "none.jsonl", "../c/normalizer/normalizer.wasm"}, 1, "", "none.jsonl"},
		{"nothing", nil, 2, "", "check: error: want one plugin"},
		{"an unknown flag", []string{"-x"}, 2, "", "flag provided but not defined: -x"},
	} {
		var stdout, stderr strings.Builder
		code := run(c.args, &stdout, &stderr)
		if code != c.code || !strings.Contains(stdout.String(), c.stdout) || !strings.Contains(stderr.String(), c.stderr) {
			t.Errorf("%s: got code %d, want %d\nstdout:\n%s\nstderr:\n%s", c.name, code, c.code, stdout.String(), stderr.String())
		}
	}
}
