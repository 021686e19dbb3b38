package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestScan_GoesOnBehindDamage damages blocks of a table: what is in others is read.
func TestScan_GoesOnBehindDamage(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "db")
	s := mustOpen(t, Options{Dir: dir})
	const rows = 5000
	key := func(i int) []byte { return fmt.Appendf(nil, "e%08d", i) }
	for i := range rows {
		must(t, s.Apply(Set(key(i), fmt.Appendf(nil, "%0200d", i))).Err())
	}
	must(t, os.WriteFile(filepath.Join(dir, "salts"), []byte("x"), 0o600))
	must(t, s.db.Flush())
	must(t, s.Close())
	for _, at := range []int{100, 60_000, 130_000} {
		flip(t, one(t, dir, "*.sst"), at)
	}
	count := func(s *Store) (whole, stretches int) {
		for row, err := range s.Scan([]byte("e")) {
			var damage *Damage
			switch {
			case errors.As(err, &damage):
				stretches++
			case err != nil:
				t.Fatal(err)
			default:
				whole++
				if len(row.Value) != 200 {
					t.Errorf("%q has %d bytes", row.Key, len(row.Value))
				}
			}
		}
		return whole, stretches
	}
	s = mustOpen(t, Options{Dir: dir})
	whole, stretches := count(s)
	meta := s.Meta()
	must(t, s.Close())
	if whole < rows/2 || whole == rows || stretches < 1 || stretches > 3 {
		t.Errorf("%d of %d rows and %d stretches of damage", whole, rows, stretches)
	}
	old, err := Rebuild(Options{Dir: dir})
	must(t, err)
	if old != dir+".damaged" {
		t.Errorf("the old one is %q", old)
	}
	s = mustOpen(t, Options{Dir: dir, MustExist: true})
	if again, damaged := count(s); again != whole || damaged != 0 {
		t.Errorf("rebuilt: %d rows, %d stretches of damage, want %d and none", again, damaged, whole)
	}
	if s.Meta() != meta {
		t.Errorf("the store is another one: %+v, was %+v", s.Meta(), meta)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "salts")); string(text) != "x" {
		t.Errorf("the salts are gone: %v", err)
	}
	must(t, s.Apply(Set([]byte("x"), nil)).Wait(context.Background()))
	must(t, s.db.Compact(context.Background(), []byte("a"), []byte("z"), false))
	must(t, s.Err())
}

// TestRebuild_KeepsSavedStateWhereverItStops repeats a repair that was stopped before the renames, and one whose
// folder for the copy has saved state in it.
func TestRebuild_KeepsSavedStateWhereverItStops(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "db")
	s := mustOpen(t, Options{Dir: dir})
	must(t, s.Apply(Set([]byte("ex"), nil)).Wait(context.Background()))
	must(t, s.Close())
	chunk := func(dir string) string { return filepath.Join(dir, "state", "chunk") }
	must(t, os.Mkdir(filepath.Dir(chunk(dir)), 0o700))
	must(t, os.WriteFile(chunk(dir), []byte("x"), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "salts"), []byte("x"), 0o600))
	must(t, copyRecords(Options{Dir: dir}, dir+rebuiltSuffix))
	must(t, linkFiles(dir, dir+rebuiltSuffix))
	if _, err := os.Stat(chunk(dir)); err != nil {
		t.Errorf("before the renames: %v", err)
	}
	old, err := Rebuild(Options{Dir: dir})
	must(t, err)
	if _, err := os.Stat(chunk(dir)); err != nil {
		t.Errorf("the state is not in the new store: %v", err)
	}
	must(t, os.Rename(old, dir+rebuiltSuffix))
	must(t, os.Rename(filepath.Dir(chunk(dir)), filepath.Dir(chunk(dir+rebuiltSuffix))))
	if _, err := Rebuild(Options{Dir: dir}); !errors.Is(err, os.ErrExist) {
		t.Errorf("a folder with state is in the way: %v", err)
	}
	if _, err := os.Stat(chunk(dir + rebuiltSuffix)); err != nil {
		t.Errorf("it was removed: %v", err)
	}
}

func TestRebuild_IsAsItWasWhereAFolderCannotFollow(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "db")
	s := mustOpen(t, Options{Dir: dir})
	must(t, s.Close())
	rebuilt, old := dir+rebuiltSuffix, dir+damagedSuffix
	for _, name := range []string{"a", "b"} {
		must(t, os.Mkdir(filepath.Join(dir, name), 0o700))
	}
	must(t, os.Mkdir(rebuilt, 0o700))
	must(t, os.WriteFile(filepath.Join(rebuilt, "b"), nil, 0o600)) // where a folder cannot go
	if err := swap(dir, rebuilt, old); err == nil {
		t.Fatal("it went there")
	}
	if folders, err := subFolders(dir); err != nil || fmt.Sprint(folders) != "[a b]" {
		t.Errorf("folders %v, %v", folders, err)
	}
	must(t, mustOpen(t, Options{Dir: dir, MustExist: true}).Close())
}

func TestRebuild_RefusesAStoreInUse(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "db")
	s := mustOpen(t, Options{Dir: dir})
	if _, err := Rebuild(Options{Dir: dir, MustExist: true}); !errors.Is(err, ErrLocked) {
		t.Errorf("got %v, want ErrLocked", err)
	}
	must(t, s.Apply(Set([]byte("x"), nil)).Wait(context.Background()))
	if _, err := os.Stat(dir + ".rebuilt"); !errors.Is(err, os.ErrNotExist) {
		t.Error("the folder of the copy is left behind")
	}
}

func TestRebuild_KeepsASealedStoreSealed(t *testing.T) {
	key := keyOf(t, "a")
	dir := sealedStore(t, key)
	if _, err := Rebuild(Options{Dir: dir, Key: keyOf(t, "b"), MustExist: true}); !errors.Is(err, ErrKey) {
		t.Errorf("with another key: got %v, want ErrKey", err)
	}
	if _, err := Rebuild(Options{Dir: dir, Key: key, MustExist: true}); err != nil {
		t.Fatal(err)
	}
	wantNoLeak(t, "rebuilt", dir)
	if _, err := Open(Options{Dir: dir}); !errors.Is(err, ErrSealed) {
		t.Errorf("without a key: got %v, want ErrSealed", err)
	}
	s := mustOpen(t, Options{Dir: dir, Key: key})
	wantSecrets(t, s, 20)
	for row, err := range s.Scan([]byte("e")) {
		if err != nil || !strings.Contains(string(row.Value), secretText) {
			t.Errorf("a scan shows %s as %q, %v", row.Key, row.Value, err)
		}
	}
}
