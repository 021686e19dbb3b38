package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/kvasir-cache/kvasir/internal/gguf"
)

func TestRun_WritesAModel(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.gguf")
	var stderr strings.Builder
	if code := run([]string{"-shape", "tiny", "-type", "q8_0", "-o", path}, &stderr); code != exitOK {
		t.Fatalf("exit code is %d: %s", code, &stderr)
	}
	f, err := gguf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if name, _ := f.String("general.name"); name != "kvasir-test-tiny-q8_0" {
		t.Errorf("the model is named %q", name)
	}
}

func TestRun_ExitCodes(t *testing.T) {
	dir := t.TempDir()
	for _, tt := range []struct {
		args string
		code int
		want string
	}{
		{"", exitUsage, "hint"},
		{"-shape tiny", exitUsage, "-o"},
		{"-shape huge -o x", exitUsage, `shape "huge" is unknown`},
		{"-shape tiny -type q3 -o x", exitUsage, `weight type "q3" is unknown`},
		{"-colour", exitUsage, "-colour"},
		{"-shape tiny -o x y", exitUsage, "no other arguments"},
		{"-shape tiny -type q4_k -o " + dir + "/m", exitFailure, "blocks of 256"},
		{"-shape tiny -o " + dir + "/missing/m", exitFailure, "no such file"},
		{"-h", exitOK, "-shape"},
	} {
		var stderr strings.Builder
		code := run(strings.Fields(tt.args), &stderr)
		if code != tt.code || !strings.Contains(stderr.String(), tt.want) {
			t.Errorf("gen %s: exit code %d and %q, want %d and %q", tt.args, code, &stderr, tt.code, tt.want)
		}
	}
}
