package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/keyspace"
)

// filled makes a store with tables, and rows that are still in the log alone.
func filled(t *testing.T) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "db")
	s := mustOpen(t, Options{Dir: dir})
	for i := range 100 {
		must(t, s.Apply(Set([]byte(historyKey(i)), []byte(historyValue(i)))).Err())
	}
	must(t, s.db.Flush())
	for i := range 20 {
		must(t, s.Apply(Set([]byte{'f', byte(i)}, make([]byte, 2000))).Wait(context.Background()))
	}
	must(t, s.Close())
	return dir
}

func TestOpen_RecognisesADamagedStore(t *testing.T) {
	for _, c := range []struct {
		name   string
		damage func(t *testing.T, dir string)
	}{
		{"table missing", func(t *testing.T, dir string) { must(t, os.Remove(one(t, dir, "*.sst"))) }},
		{"manifest marker missing", func(t *testing.T, dir string) { must(t, os.Remove(one(t, dir, "marker.manifest.*"))) }},
		{"format marker missing", func(t *testing.T, dir string) { must(t, os.Remove(one(t, dir, "marker.format-version.*"))) }},
		{"manifest missing", func(t *testing.T, dir string) { must(t, os.Remove(one(t, dir, "MANIFEST-*"))) }},
		{"options garbled", func(t *testing.T, dir string) { must(t, os.WriteFile(one(t, dir, "OPTIONS-*"), []byte("[Ver"), 0o600)) }},
		{"log flipped in the middle", func(t *testing.T, dir string) { flip(t, newest(t, dir, "*.log"), 10_000) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filled(t)
			c.damage(t, dir)
			before := listing(t, dir)
			_, err := Open(Options{Dir: dir})
			wantDressed(t, err, ErrCorrupt, dir, "is corrupt", "kvasir check --repair keeps all that can still be read")
			if after := listing(t, dir); !strings.Contains(after, "MANIFEST") && strings.Contains(before, "MANIFEST") {
				t.Errorf("the refused store lost its manifest:\n%s\n%s", before, after)
			}
			if _, again := Open(Options{Dir: dir}); !errors.Is(again, ErrCorrupt) {
				t.Errorf("the second time: got %v, want ErrCorrupt again", again)
			}
		})
	}
}

func TestGet_RecognisesADamagedTable(t *testing.T) {
	dir := filled(t)
	flip(t, one(t, dir, "*.sst"), 200)
	s := mustOpen(t, Options{Dir: dir})
	var bad int
	for i := range 100 {
		got, err := s.Get([]byte(historyKey(i)))
		switch {
		case errors.Is(err, ErrCorrupt):
			wantDressed(t, err, ErrCorrupt, dir, ".sst", "kvasir check --repair keeps all that can still be read")
			bad++
		case err != nil || string(got) != historyValue(i):
			t.Errorf("%s: got %q, %v, want the value or ErrCorrupt", historyKey(i), got, err)
		}
	}
	if bad == 0 || bad == 100 {
		t.Errorf("%d of 100 rows are corrupt; want the ones in the damaged block", bad)
	}
	for _, err := range s.Walk([]byte("e")) {
		if err != nil && !errors.Is(err, ErrCorrupt) {
			t.Errorf("walk: got %v, want ErrCorrupt", err)
		}
	}
}

func TestStore_TellsOfADamagedTableOnce(t *testing.T) {
	dir := filled(t)
	flip(t, one(t, dir, "*.sst"), 200)
	var log bytes.Buffer
	s := mustOpen(t, Options{Dir: dir, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	for i := range 100 {
		_, _ = s.Get([]byte(historyKey(i)))
	}
	if err := s.Close(); err != nil && !errors.Is(err, ErrCorrupt) { // a compaction may have come by
		t.Error(err)
	}
	got := log.String()
	if n := strings.Count(got, "table is damaged"); n != 1 || strings.Contains(got, "background") || strings.Contains(got, ".go:") {
		t.Errorf("got %d lines on the table, want one, without a stack trace:\n%s", n, got)
	}
}

func TestCompaction_OfADamagedTableEndsWritingAndNotReading(t *testing.T) {
	dir := filled(t)
	flip(t, one(t, dir, "*.sst"), 200)
	s := mustOpen(t, Options{Dir: dir})
	for s.Err() == nil { // until a compaction comes by
		s.Apply(Set([]byte("e000"), nil), Set([]byte("e099"), nil))
		must(t, s.db.Flush())
	}
	err := s.Apply(Set([]byte("x"), nil)).Wait(context.Background())
	wantDressed(t, err, ErrCorrupt, dir, ".sst: pebble: file", "kvasir check --repair keeps all that can still be read")
	wantValue(t, s, historyKey(50), historyValue(50))
}

func TestOpen_RefusesANewerStore(t *testing.T) {
	dir := filled(t)
	s := mustOpen(t, Options{Dir: dir})
	key := keyspace.MetaKey()
	value, err := s.Get(key)
	must(t, err)
	binary.LittleEndian.PutUint32(value, 7)
	table := crc32.MakeTable(crc32.Castagnoli)
	sum := crc32.Update(crc32.Checksum(key, table), table, value[:len(value)-4])
	binary.LittleEndian.PutUint32(value[len(value)-4:], sum)
	must(t, s.db.Set(key, value, pebble.Sync))
	must(t, s.db.Close())
	s.close = func() error { return nil } // it would write the record anew

	_, err = Open(Options{Dir: dir})
	wantDressed(t, err, ErrNewer, dir, "has format version 7; this program knows versions up to 2", "upgrade kvasir")
}

func TestOpen_RefusesNewerFiles(t *testing.T) {
	dir := filled(t)
	must(t, os.Rename(one(t, dir, "marker.format-version.*"), filepath.Join(dir, "marker.format-version.000999.099")))
	_, err := Open(Options{Dir: dir})
	wantDressed(t, err, ErrNewer, dir, "its files have version 99; this program knows versions up to ", "upgrade kvasir")
}

func TestOpen_RefusesAStoreWithoutItsMeta(t *testing.T) {
	dir := filled(t)
	s := mustOpen(t, Options{Dir: dir})
	must(t, s.db.Delete(keyspace.MetaKey(), pebble.Sync))
	must(t, s.Close())
	_, err := Open(Options{Dir: dir})
	wantDressed(t, err, ErrCorrupt, dir, "record 6d is corrupt: value is missing", "kvasir check --repair keeps all that can still be read")
}

func TestOpen_SaysWhatIsInTheWay(t *testing.T) {
	dir := t.TempDir()
	_, err := Open(Options{Dir: filepath.Join(dir, "none"), MustExist: true})
	wantDressed(t, err, ErrNotFound, "none", "does not exist", "kvasir run")
	if _, statErr := os.Stat(filepath.Join(dir, "none")); statErr == nil {
		t.Error("the folder of the missing store was made")
	}
	_, err = Open(Options{Dir: dir, MustExist: true})
	wantDressed(t, err, ErrNotFound, dir, "does not exist", "kvasir run")

	file := filepath.Join(dir, "file")
	must(t, os.WriteFile(file, nil, 0o600))
	if _, err := Open(Options{Dir: file}); !errors.Is(err, syscall.ENOTDIR) || !contains(err.Error(), file) {
		t.Errorf("a file for a folder: got %v, want ENOTDIR with the path", err)
	}

	s := mustOpen(t, Options{Dir: filepath.Join(dir, "db")})
	_, err = Open(Options{Dir: s.dir})
	wantDressed(t, err, ErrLocked, s.dir, "is in use", "stop the other kvasir")
}

func TestOpen_SaysThatTheFolderMayNotBeWritten(t *testing.T) {
	for _, reason := range []error{syscall.EROFS, syscall.EACCES, syscall.EPERM} {
		disk := NewFakeDisk()
		must(t, mustOpen(t, Options{Dir: "db", Disk: disk}).Close())
		for n := range int64(12) {
			disk.FailAfter(n, reason)
			_, err := Open(Options{Dir: "db", Disk: disk})
			wantDressed(t, err, ErrReadOnly, "db", "cannot be written", "give this user the right")
		}
		disk.Heal()
		mustOpen(t, Options{Dir: "db", Disk: disk})
	}
}

func wantDressed(t *testing.T, err, sentinel error, dir, text, hint string) {
	t.Helper()
	if !errors.Is(err, sentinel) {
		t.Fatalf("got %v, want %v", err, sentinel)
	}
	if !contains(err.Error(), dir) || !contains(err.Error(), text) || !contains(base.Hint(err), hint) {
		t.Errorf("got %q with hint %q, want %q, %q and %q in them", err, base.Hint(err), dir, text, hint)
	}
}

func newest(t *testing.T, dir, pattern string) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, pattern))
	must(t, err)
	if len(names) == 0 {
		t.Fatalf("no file %s in:\n%s", pattern, listing(t, dir))
	}
	return names[len(names)-1]
}

func one(t *testing.T, dir, pattern string) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, pattern))
	must(t, err)
	if len(names) != 1 {
		t.Fatalf("%d files %s in:\n%s", len(names), pattern, listing(t, dir))
	}
	return names[0]
}

func flip(t *testing.T, name string, offset int) {
	t.Helper()
	content, err := os.ReadFile(name)
	must(t, err)
	content[offset] ^= 0x10
	must(t, os.WriteFile(name, content, 0o600))
}

func listing(t *testing.T, dir string) string {
	t.Helper()
	files, err := os.ReadDir(dir)
	must(t, err)
	var names []string
	for _, f := range files {
		names = append(names, f.Name())
	}
	return strings.Join(names, "\n")
}
