package gguf

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// write puts files of the given content into a new folder and returns their paths.
func write(t *testing.T, content map[string]string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, s := range content {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(s), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestParts_OfAPlainFileIsTheFile(t *testing.T) {
	for _, path := range []string{"model.gguf", "dir/m-00001-of-2.gguf", "m-00001-of-00002.bin", "-of-.gguf"} {
		if got, err := Parts(path); err != nil || !slices.Equal(got, []string{path}) {
			t.Errorf("Parts(%q) is %q, %v, want the path alone", path, got, err)
		}
	}
}

func TestParts_FindsEveryPart(t *testing.T) {
	dir := write(t, map[string]string{"m-00001-of-00003.gguf": "", "m-00002-of-00003.gguf": "", "m-00003-of-00003.gguf": "", "m-00001-of-00001.gguf": ""})
	got, err := Parts(filepath.Join(dir, "m-00001-of-00003.gguf"))
	if err != nil || len(got) != 3 || filepath.Base(got[2]) != "m-00003-of-00003.gguf" || filepath.Dir(got[2]) != dir {
		t.Errorf("got %q, %v, want three parts in order", got, err)
	}
	if got, err = Parts(filepath.Join(dir, "m-00001-of-00001.gguf")); err != nil || len(got) != 1 {
		t.Errorf("got %q, %v, want the one part", got, err)
	}
}

func TestParts_NamesWhatIsMissing(t *testing.T) {
	dir := write(t, map[string]string{"m-00001-of-00003.gguf": "", "m-00003-of-00003.gguf": ""})
	for name, want := range map[string]string{
		"m-00001-of-00003.gguf": "part 2 of 3 of the split model is missing",
		"m-00003-of-00003.gguf": "loaded by its first part",
		"n-00001-of-00002.gguf": "part 1 of 2 of the split model is missing",
		"m-00000-of-00000.gguf": "named part 0 of 0",
		"m-00004-of-00003.gguf": "named part 4 of 3",
	} {
		_, err := Parts(filepath.Join(dir, name))
		if !errors.Is(err, base.ErrModel) || !strings.Contains(err.Error(), want) {
			t.Errorf("Parts(%q) gave %v, want a base.ErrModel with %q", name, err, want)
		}
		if errors.Is(err, fs.ErrNotExist) != strings.Contains(want, "missing") {
			t.Errorf("Parts(%q): error %v should unwrap to fs.ErrNotExist exactly when a part is missing", name, err)
		}
	}
}

func TestHash_CoversAllFilesInOrder(t *testing.T) {
	big := strings.Repeat("0123456789abcdef", 3*hashStep/16) + "tail"
	dir := write(t, map[string]string{"a": big, "b": "second", "c": ""})
	a, b, c := filepath.Join(dir, "a"), filepath.Join(dir, "b"), filepath.Join(dir, "c")
	var steps []int64
	var total int64
	got, n, err := Hash(t.Context(), []string{a, b, c}, func(done, all int64) { steps, total = append(steps, done), all })
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(big + "second"))
	if want := hex.EncodeToString(sum[:]); got != want || n != int64(len(big)+6) {
		t.Errorf("hash is %s over %d bytes, want %s over %d", got, n, want, len(big)+6)
	}
	if !slices.IsSorted(steps) || len(steps) < 4 || steps[len(steps)-1] != n || total != n {
		t.Errorf("progress was %v of %d, want a rise to %d", steps, total, n)
	}
	if other, _, err := Hash(t.Context(), []string{b, a, c}, nil); err != nil || other == got {
		t.Errorf("hash of another order is %s, %v, want another hash", other, err)
	}
}

func TestHash_StopsWhenCancelled(t *testing.T) {
	dir := write(t, map[string]string{"a": strings.Repeat("x", 4*hashStep)})
	ctx, cancel := context.WithCancel(t.Context())
	calls := 0
	_, _, err := Hash(ctx, []string{filepath.Join(dir, "a")}, func(int64, int64) { calls++; cancel() })
	if !errors.Is(err, context.Canceled) || calls != 1 {
		t.Errorf("got %v after %d steps, want context.Canceled after one", err, calls)
	}
}

func TestHash_NamesAFileThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{filepath.Join(dir, "missing"), dir} {
		_, _, err := Hash(t.Context(), []string{path}, nil)
		if !errors.Is(err, base.ErrModel) || !strings.Contains(err.Error(), path) {
			t.Errorf("Hash of %q gave %v, want a base.ErrModel that names it", path, err)
		}
	}
}
