package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/kvasir-cache/kvasir/internal/cachedir"
	"github.com/kvasir-cache/kvasir/internal/gguf"
)

func TestModel_MakesTheFile(t *testing.T) {
	t.Setenv(cachedir.Env, t.TempDir())
	named := filepath.Join(t.TempDir(), "tiny.gguf")
	for _, args := range [][]string{{"tiny", "F16"}, {"tiny", "q8_0", named}} {
		path, err := model(args)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := gguf.Open(path); err != nil {
			t.Errorf("%q: %v", args, err)
		}
		if len(args) == 3 && path != named {
			t.Errorf("the path is %q, want %q", path, named)
		}
	}
}

func TestModel_SaysWhatIsWrong(t *testing.T) {
	for want, args := range map[string][]string{
		"want SHAPE TYPE":  {"tiny"},
		"is unknown":       {"big", "f16"},
		`"q9" is unknown`:  {"tiny", "q9"},
		"do not divide":    {"tiny", "q4_k", filepath.Join(t.TempDir(), "x")},
		"no such file":     {"tiny", "f16", filepath.Join(t.TempDir(), "no", "x")},
		"are 4 arguments,": {"tiny", "f16", "a", "b"},
	} {
		if _, err := model(args); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want one with %q", args, err, want)
		}
	}
}
