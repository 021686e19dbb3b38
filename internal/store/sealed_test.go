package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"

	"github.com/kvasir-cache/kvasir/internal/keyspace"
	"github.com/kvasir-cache/kvasir/internal/seal"
)

func keyOf(t testing.TB, digit string) *seal.Key {
	t.Helper()
	key, err := seal.ParseKey(strings.Repeat(digit, 64))
	must(t, err)
	return key
}

const secretText = "the horse is called Sleipnir"

func secretValue(i int) []byte {
	return []byte(strings.Repeat(fmt.Sprintf("%d %s. ", i, secretText), 5))
}

// fillSecret writes rows of three tenants, into tables and into the log.
func fillSecret(t testing.TB, s *Store, rows int) {
	t.Helper()
	for i := range rows {
		must(t, s.Apply(Set(secretKey(i), secretValue(i)).For(uint32(i%3))).Err())
	}
	must(t, s.Apply().Wait(context.Background()))
}

func secretKey(i int) []byte { return fmt.Appendf(nil, "e%04d", i) }

func wantSecrets(t testing.TB, s *Store, rows int) {
	t.Helper()
	for i := range rows {
		wantValue(t, s, string(secretKey(i)), string(secretValue(i)))
	}
	n := 0
	for row, err := range s.Walk([]byte("e")) {
		must(t, err)
		if !bytes.Equal(row.Value, secretValue(n)) {
			t.Errorf("row %d of a walk: got %q", n, row.Value)
		}
		n++
	}
	if n != rows {
		t.Errorf("a walk found %d rows, want %d", n, rows)
	}
}

// leaks returns the files under dir that hold text.
func leaks(t testing.TB, dir, text string) (names []string) {
	t.Helper()
	must(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		if bytes.Contains(content, []byte(text)) {
			names = append(names, path)
		}
		return err
	}))
	return names
}

func wantNoLeak(t testing.TB, when, dir string) {
	t.Helper()
	if names := leaks(t, dir, "Sleipnir"); len(names) > 0 {
		t.Errorf("%s: the text of a record is in %q", when, names)
	}
}

func TestSealed_HoldsNoValueInTheOpen(t *testing.T) {
	dir, key := filepath.Join(t.TempDir(), "db"), keyOf(t, "a")
	s := mustOpen(t, Options{Dir: dir, Key: key, tune: uncompressed})
	fillSecret(t, s, 100)
	wantNoLeak(t, "in the log", dir)
	must(t, s.db.Flush())
	wantNoLeak(t, "in tables", dir)
	wantSecrets(t, s, 100)
	must(t, s.Close())
	wantNoLeak(t, "closed", dir)
	s = mustOpen(t, Options{Dir: dir, Key: key, ReadOnly: true})
	wantSecrets(t, s, 100)
	if meta := s.Meta(); meta.Seal.Scheme != keyspace.SealXChaCha || meta.Seal.Goal != keyspace.SealSettled {
		t.Errorf("the store says of itself %+v", meta.Seal)
	}
	// The test can fail.
	plain := filepath.Join(t.TempDir(), "db")
	s = mustOpen(t, Options{Dir: plain, tune: uncompressed})
	fillSecret(t, s, 10)
	if leaks(t, plain, "Sleipnir") == nil {
		t.Error("the text is not found in a store that is plain either")
	}
}

// uncompressed shows whatever is not sealed.
func uncompressed(p *pebble.Options) {
	for i := range p.Levels {
		p.Levels[i].Compression = nil
	}
}

func sealedStore(t *testing.T, key *seal.Key) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "db")
	s := mustOpen(t, Options{Dir: dir, Key: key})
	fillSecret(t, s, 20)
	must(t, s.Close())
	return dir
}

func TestSealed_RefusesAWrongKeyAndSaysWhatToDo(t *testing.T) {
	key := keyOf(t, "a")
	dir := sealedStore(t, key)
	_, err := Open(Options{Dir: dir, Key: keyOf(t, "b")})
	wantDressed(t, err, ErrKey, dir, "is sealed by another key: ", "give the key")
	_, err = Open(Options{Dir: dir})
	wantDressed(t, err, ErrSealed, dir, "is sealed, and there is no key", "cache.key_file")
	_, err = Open(Options{Dir: dir, ReadOnly: true})
	wantDressed(t, err, ErrSealed, dir, "is sealed, and there is no key", "kvasir unseal")
	s := mustOpen(t, Options{Dir: dir, Key: key})
	wantSecrets(t, s, 20) // nothing was lost
	must(t, s.Close())

	plain := filled(t)
	_, err = Open(Options{Dir: plain, Key: key})
	wantDressed(t, err, ErrPlain, plain, "is not sealed, and there is a key", "kvasir seal")
	wantValue(t, mustOpen(t, Options{Dir: plain}), historyKey(3), historyValue(3))
}

func TestSealed_RefusesAKeyringThatIsNotItsOwn(t *testing.T) {
	key := keyOf(t, "a")
	dir := sealedStore(t, key)
	path := filepath.Join(dir, "keyring")
	good, err := os.ReadFile(path)
	must(t, err)
	foreign, err := os.ReadFile(filepath.Join(sealedStore(t, key), "keyring"))
	must(t, err)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the keyring has mode %v, %v", info.Mode(), err)
	}
	flipped := bytes.Clone(good)
	flipped[len(flipped)-20] ^= 1
	for _, c := range []struct {
		name, text string
		content    []byte
	}{
		{"gone", "its file keyring is gone", nil},
		{"empty", "keyring is damaged", []byte{}},
		{"cut", "keyring is damaged", good[:len(good)/2]},
		{"flipped", "keyring is damaged", flipped},
		{"foreign", "keyring is of another store", foreign},
	} {
		t.Run(c.name, func(t *testing.T) {
			must(t, os.Remove(path))
			if c.content != nil {
				must(t, os.WriteFile(path, c.content, 0o600))
			}
			_, err := Open(Options{Dir: dir, Key: key})
			wantDressed(t, err, ErrKey, dir, c.text, "keyring")
			must(t, os.WriteFile(path, good, 0o600))
			s := mustOpen(t, Options{Dir: dir, Key: key})
			wantSecrets(t, s, 20)
			must(t, s.Close())
		})
	}
}

// Who can write the files can put one record in the place of another; it is not taken for that.
func TestSealed_RefusesRecordsThatChangedPlaces(t *testing.T) {
	dir, key := filepath.Join(t.TempDir(), "db"), keyOf(t, "a")
	s := mustOpen(t, Options{Dir: dir, Key: key})
	fillSecret(t, s, 3)
	value, closer, err := s.db.Get(secretKey(0))
	must(t, err)
	must(t, s.db.Set(secretKey(1), value, pebble.Sync))
	must(t, closer.Close())
	must(t, s.db.Set(secretKey(2), []byte("a plain one"), pebble.Sync))
	for _, i := range []int{1, 2} {
		if _, err := s.Get(secretKey(i)); !errors.Is(err, ErrCorrupt) || !contains(err.Error(), "seal is not that of this record") {
			t.Errorf("row %d: got %v, want ErrCorrupt", i, err)
		}
	}
	wantValue(t, s, string(secretKey(0)), string(secretValue(0)))
	for _, rows := range []iter.Seq2[Row, error]{s.Walk([]byte("e")), s.Scan([]byte("e"))} {
		for row, err := range rows {
			must(t, err)
			if !bytes.Equal(row.Key, secretKey(0)) && len(row.Value) > 0 {
				t.Errorf("%s shows %q, which is not sealed for this place", row.Key, row.Value)
			}
		}
	}
}

func TestRekey_PutsAnotherKeyInForce(t *testing.T) {
	first, second := keyOf(t, "a"), keyOf(t, "b")
	dir := sealedStore(t, first)
	path := filepath.Join(dir, "keyring")
	old, err := os.ReadFile(path)
	must(t, err)
	s := mustOpen(t, Options{Dir: dir, Key: first}) // who has the store is not disturbed
	must(t, Rekey(Options{Dir: dir, Key: first}, second))
	must(t, s.Apply(Set([]byte("f"), secretValue(1))).Wait(context.Background()))
	must(t, s.Close())
	_, err = Open(Options{Dir: dir, Key: first})
	wantDressed(t, err, ErrKey, dir, "by another key", "rekeyed")
	s = mustOpen(t, Options{Dir: dir, Key: second})
	wantSecrets(t, s, 20)
	wantValue(t, s, "f", string(secretValue(1)))
	must(t, s.Close())

	must(t, os.WriteFile(path, old, 0o600))
	_, err = Open(Options{Dir: dir, Key: first})
	wantDressed(t, err, ErrKey, dir, "older than the store: generation 1, not 2", "latest file keyring")
	if err := Rekey(Options{Dir: dir, Key: second}, first); !errors.Is(err, ErrKey) {
		t.Errorf("with another key: got %v, want ErrKey", err)
	}
	err = Rekey(Options{Dir: filled(t), Key: first}, second)
	if !errors.Is(err, ErrPlain) {
		t.Errorf("a plain store: got %v, want ErrPlain", err)
	}
}

// A power cut, or a disk that fails, at any moment of a rekey leaves the one key or the other in force.
func TestRekey_LeavesOneOfTheKeysInForceAtEveryMoment(t *testing.T) {
	first, second := keyOf(t, "a"), keyOf(t, "b")
	finished := false
	for n := int64(0); !finished; n++ {
		disk := NewFakeDisk()
		s := mustOpen(t, Options{Dir: "db", Disk: disk, Key: first})
		fillSecret(t, s, 5)
		must(t, s.Close())
		disk.FailAfter(n, errors.New("broken"))
		finished = Rekey(Options{Dir: "db", Disk: disk, Key: first}, second) == nil
		disk.Heal()
		for _, after := range []*FakeDisk{disk, disk.Crash(0, nil), disk.Crash(50, rand.New(rand.NewPCG(1, uint64(n))))} {
			s, err := Open(Options{Dir: "db", Disk: after, Key: first})
			if err != nil {
				s, err = Open(Options{Dir: "db", Disk: after, Key: second})
			} else if finished {
				t.Error("the old key opens the store after the rekey is done")
			}
			if err != nil {
				t.Fatalf("after %d writes neither key opens the store: %v", n, err)
			}
			wantSecrets(t, s, 5)
			must(t, s.Close())
		}
	}
}
