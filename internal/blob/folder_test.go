package blob

import (
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/internal/base"
)

func TestCommit_StopsAtTheFirstFileThatCannotBe(t *testing.T) {
	h, payload := sample()
	dir := t.TempDir()
	var files []File
	for n := range 3 {
		h.Key = Key{byte(n)}
		temp, _, err := Write(dir, &secret, &h, payload)
		must(t, err)
		files = append(files, File{temp, h.Key})
	}
	must(t, os.Remove(files[1].Temp))
	n, err := Commit(dir, files)
	if n != 1 || !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("got %d, %v; want 1 and that the second is gone", n, err)
	}
	got, err := List(dir)
	must(t, err)
	temps, err := Temps(dir)
	must(t, err)
	if len(got) != 1 || !got[Key{0}] || len(temps) != 1 || temps[0] != files[2].Temp {
		t.Errorf("the folder holds %v and %v", got, temps)
	}
}

func TestCommit_TakesOnlyTemporaryFilesOfItsFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "kv")
	must(t, os.Mkdir(dir, 0o700))
	outside := filepath.Join(filepath.Dir(dir), "new-1")
	other := filepath.Join(dir, "salts")
	for _, path := range []string{outside, other} {
		must(t, os.WriteFile(path, nil, 0o600))
		if n, err := Commit(dir, []File{{path, Key{1}}}); n != 0 || err == nil {
			t.Errorf("%s was committed", path)
		}
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
}

func TestList_LeavesAloneWhatIsNotOurs(t *testing.T) {
	h, payload := sample()
	dir := t.TempDir()
	path := put(t, dir, h, payload)
	foreign := []string{
		filepath.Join(dir, "README"), filepath.Join(dir, "zz", filepath.Base(path)),
		filepath.Join(dir, "00", filepath.Base(path)), filepath.Join(filepath.Dir(path), "ab.kv"), filepath.Join(dir, "quarantine", "x.kv"),
	}
	for _, name := range foreign {
		must(t, os.MkdirAll(filepath.Dir(name), 0o700))
		must(t, os.WriteFile(name, []byte("x"), 0o600))
	}
	files, err := List(dir)
	must(t, err)
	temps, err := Temps(dir)
	must(t, err)
	if len(files) != 1 || !files[h.Key] || len(temps) != 0 {
		t.Errorf("got %v and %v, want the one chunk", files, temps)
	}
	if files, err := List(filepath.Join(dir, "none")); len(files) != 0 || err != nil {
		t.Errorf("no folder: got %v, %v", files, err)
	}
}

func TestQuarantine_KeepsTheLatest(t *testing.T) {
	h, payload := sample()
	dir := t.TempDir()
	must(t, Quarantine(dir, h.Key)) // which is not there
	for n := range mostQuarantined + 5 {
		h.Key = Key{byte(n)}
		path := put(t, dir, h, payload)
		when := time.Unix(int64(n), 0)
		must(t, os.Chtimes(path, when, when))
		must(t, Quarantine(dir, h.Key))
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Fatalf("the file is still in its place: %v", err)
		}
	}
	left, err := os.ReadDir(filepath.Join(dir, quarantineName))
	must(t, err)
	if len(left) != mostQuarantined || left[0].Name()[:2] != "05" {
		t.Errorf("%d files are kept from %s on, want %d from 05 on", len(left), left[0].Name(), mostQuarantined)
	}
}

func TestRemove_OfWhatIsNotThere(t *testing.T) {
	h, payload := sample()
	dir := t.TempDir()
	must(t, Remove(dir, h.Key))
	path := put(t, dir, h, payload)
	must(t, Remove(dir, h.Key))
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want it gone", err)
	}
}

func TestNextKey_NamesTokensAndAllBefore(t *testing.T) {
	seen := map[Key]bool{}
	for _, parent := range []Key{{}, {1}} {
		for _, tokens := range [][]base.Token{nil, {0}, {0, 0}, {1}, {256}, {-1}} {
			seen[NextKey(parent, tokens)] = true
		}
	}
	if len(seen) != 12 {
		t.Errorf("12 chunks have %d keys", len(seen))
	}
	const want = "a31b58b9d240c2dbdf1a1cd157b84accf37ece2961fa0b63d1c7c3c5249e0c4a"
	if got := NextKey(Key{}, []base.Token{1, 2, -1}); hex.EncodeToString(got[:]) != want {
		t.Errorf("got %x, want %s", got, want)
	}
}
