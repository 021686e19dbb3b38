package engine

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/blob"
	"github.com/kvasir-cache/kvasir/internal/keyspace"
	"github.com/kvasir-cache/kvasir/internal/store"
)

// checkedStore makes a store with entries, normal forms, uses, marks and saved state, and returns its folder.
func checkedStore(t *testing.T) (dir string, chunks []blob.Key) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "db")
	o := with(lowering())
	o.Dir, o.State.MinPrefill = dir, -1
	e := openEngine(t, o)
	for _, prompt := range []string{niger, nigeria, "What is two and two?", "Where is Bamako?"} {
		remember(t, e, ask(prompt), "answer to "+prompt)
		look(t, e, ask(prompt))
	}
	markBad(t, e, "1", new("another"))
	chunks = saveChunks(t, e, 3)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	return dir, chunks
}

// saveChunks saves the state of a prompt of n whole chunks, as a host would.
func saveChunks(t *testing.T, e *Engine, n int) (keys []blob.Key) {
	t.Helper()
	tokens := make([]base.Token, 64*n+3)
	for i := range tokens {
		tokens[i] = base.Token(i)
	}
	lease, err := e.Resume(t.Context(), &StateQuery{State: StateID{1}, Tokens: tokens})
	if err != nil {
		t.Fatal(err)
	}
	report, parent := &base.StateReport{Computed: len(tokens), Prefill: 1e9}, blob.Key(lease.Plan.Seed)
	for i := range n {
		part := tokens[64*i : 64*i+64]
		key := blob.NextKey(parent, part)
		header := blob.Header{ID: lease.Plan.ID, Key: key, From: 64 * i, Tokens: 64, Origin: base.OriginPrefill}
		temp, size, err := blob.Write(lease.Plan.Dir, &lease.Plan.Secret, &header, []byte("state of a chunk"))
		if err != nil {
			t.Fatal(err)
		}
		report.Saved = append(report.Saved, base.SavedChunk{Key: key, Parent: parent, From: 64 * i, Tokens: part, Origin: base.OriginPrefill, Temp: temp, Bytes: size, Cost: 1e9})
		keys, parent = append(keys, key), key
	}
	if settled, err := e.Settle(t.Context(), lease.ID, report, true); err != nil || settled.Saved != n {
		t.Fatalf("%+v, %v", settled, err)
	}
	return keys
}

// inStore changes a store that nobody has.
func inStore(t *testing.T, dir string, f func(s *store.Store)) {
	t.Helper()
	s, err := store.Open(store.Options{Dir: dir, MustExist: true})
	if err != nil {
		t.Fatal(err)
	}
	f(s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func checkNow(t *testing.T, dir string, repair bool) *CheckReport {
	t.Helper()
	r, err := Check(context.Background(), CheckOptions{Dir: dir, Repair: repair})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// first returns the key of the first record of a kind.
func first(t *testing.T, s *store.Store, prefix []byte) []byte {
	t.Helper()
	rows, _, err := s.Page(prefix, nil, 1)
	if err != nil || len(rows) == 0 {
		t.Fatalf("no record begins with %q: %v", prefix, err)
	}
	return rows[0].Key
}

// flipped changes a byte of a record.
func flipped(t *testing.T, s *store.Store, key []byte) {
	t.Helper()
	value, err := s.Get(key)
	if err != nil {
		t.Fatal(err)
	}
	value[len(value)/2] ^= 1
	if err := s.Apply(store.Set(key, value)).Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestCheck_ASoundStoreIsInOrder(t *testing.T) {
	dir, _ := checkedStore(t)
	r := checkNow(t, dir, false)
	if r.Broken != 0 || r.Entries != 4 || r.Exact != 4 || r.Signatures != 4 || r.Chunks != 3 || r.Files != 3 || r.Marks != 1 || r.Lost != 0 {
		t.Errorf("%+v", r)
	}
}

// TestCheck_LosesOnlyWhatIsBroken damages a store in one way after the other, repairs it, and counts.
func TestCheck_LosesOnlyWhatIsBroken(t *testing.T) {
	set := func(key, value []byte) func(t *testing.T, dir string, chunks []blob.Key) {
		return func(t *testing.T, dir string, _ []blob.Key) {
			inStore(t, dir, func(s *store.Store) {
				if err := s.Apply(store.Set(key, value)).Wait(t.Context()); err != nil {
					t.Fatal(err)
				}
			})
		}
	}
	flipFirst := func(prefix []byte) func(t *testing.T, dir string, chunks []blob.Key) {
		return func(t *testing.T, dir string, _ []blob.Key) {
			inStore(t, dir, func(s *store.Store) { flipped(t, s, first(t, s, prefix)) })
		}
	}
	remove := func(prefix []byte) func(t *testing.T, dir string, chunks []blob.Key) {
		return func(t *testing.T, dir string, _ []blob.Key) {
			inStore(t, dir, func(s *store.Store) {
				if err := s.Apply(store.Delete(first(t, s, prefix))).Wait(t.Context()); err != nil {
					t.Fatal(err)
				}
			})
		}
	}
	file := func(n int, f func(path string) error) func(t *testing.T, dir string, chunks []blob.Key) {
		return func(t *testing.T, dir string, chunks []blob.Key) {
			if err := f(blob.Path(filepath.Join(dir, "kv"), chunks[n])); err != nil {
				t.Fatal(err)
			}
		}
	}
	flipFile := func(path string) error {
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		content[len(content)-1] ^= 1
		return os.WriteFile(path, content, 0o600)
	}
	for _, c := range []struct {
		name            string
		damage          func(t *testing.T, dir string, chunks []blob.Key)
		says            string
		entries, chunks int // that are left
	}{
		{"entry flipped", flipFirst(keyspace.EntryPrefix()), "checksum", 3, 3},
		{"uses flipped", flipFirst(keyspace.UsesPrefix()), "checksum", 4, 3},
		{"exact key flipped", flipFirst(keyspace.ExactPrefix()), "its exact key is missing or damaged", 4, 3},
		{"exact key missing", remove(keyspace.ExactPrefix()), "its exact key is missing or damaged", 4, 3},
		{"entry missing", remove(keyspace.EntryPrefix()), "which is not there", 3, 3},
		{"signature flipped", flipFirst(keyspace.SignaturePrefix()), "the signature of a normal form is missing or damaged", 4, 3},
		{"signature missing", remove(keyspace.SignaturePrefix()), "the signature of a normal form is missing or damaged", 4, 3},
		{"signature of nothing", set(keyspace.SignatureKey(keyspace.Group{1}, 0, 99), keyspace.EncodeSignature(keyspace.SignatureKey(keyspace.Group{1}, 0, 99), &keyspace.Signature{Kind: 1, Words: []uint64{0}})), "it is of entry 63", 4, 3},
		{"uses of nothing", set(keyspace.UsesKey(99), keyspace.EncodeUses(keyspace.UsesKey(99), keyspace.Uses{Count: 1})), "they are of entry 63", 4, 3},
		{"count wrong", set(keyspace.TotalKey(entries), keyspace.EncodeTotal(keyspace.TotalKey(entries), 77)), "it says 77, and there are 4", 4, 3},
		{"mark flipped", flipFirst(keyspace.WrongPrefix()), "checksum", 4, 3},
		{"last chunk's file missing", file(2, os.Remove), "its file is gone", 4, 2},
		{"first chunk's file missing", file(0, os.Remove), "its file is gone", 4, 0},
		{"chunk file flipped", file(1, flipFile), "not those that this store wrote", 4, 1},
		{"chunk file cut", file(2, func(path string) error { return os.Truncate(path, 100) }), "fewer than a header", 4, 2},
		{"chunk record flipped", flipFirst(keyspace.ChunkPrefix()), "checksum", 4, -1},
		{"secret gone", func(t *testing.T, dir string, _ []blob.Key) { os.Remove(filepath.Join(dir, "secret")) }, "the secret of the store is gone", 4, 0},
		{"file without a record", func(t *testing.T, dir string, chunks []blob.Key) {
			to := blob.Path(filepath.Join(dir, "kv"), blob.Key{9})
			if err := errors.Join(os.MkdirAll(filepath.Dir(to), 0o700), os.WriteFile(to, nil, 0o600)); err != nil {
				t.Fatal(err)
			}
		}, "it has no record", 4, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, chunks := checkedStore(t)
			c.damage(t, dir, chunks)
			r := checkNow(t, dir, false)
			says := func(p Problem) bool { return strings.Contains(p.What, c.says) }
			if r.Broken == 0 || r.Repaired != 0 || !slices.ContainsFunc(r.Problems, says) {
				t.Fatalf("found %+v, want %q", r.Problems, c.says)
			}
			if again := checkNow(t, dir, false); again.Broken != r.Broken {
				t.Errorf("checking changed the store: %d problems, then %d", r.Broken, again.Broken)
			}
			if r = checkNow(t, dir, true); r.Repaired != r.Broken {
				t.Errorf("%d of %d repaired", r.Repaired, r.Broken)
			}
			r = checkNow(t, dir, false)
			if r.Broken != 0 || r.Entries != c.entries || c.chunks >= 0 && r.Chunks != c.chunks || r.Marks != 1 {
				t.Errorf("after the repair: %+v", r)
			}
			o := with(lowering())
			o.Dir = dir
			e := openEngine(t, o)
			if f := look(t, e, ask("Where is Bamako?")); f.Kind != base.KindExact {
				t.Errorf("a sound entry does not serve: %+v", f)
			}
			if stats := statsOf(e); stats["cache.size"] != float64(c.entries) {
				t.Errorf("size %v, want %d", stats["cache.size"], c.entries)
			}
		})
	}
}

func TestCheck_RefusesAStoreInUseAndOneThatIsNotThere(t *testing.T) {
	dir := t.TempDir()
	openEngine(t, Options{Dir: dir})
	if _, err := Check(t.Context(), CheckOptions{Dir: dir, Repair: true}); !errors.Is(err, ErrLocked) || !strings.Contains(base.Hint(err), "needs the store for itself") {
		t.Errorf("in use: %v, hint %q", err, base.Hint(err))
	}
	if _, err := Check(t.Context(), CheckOptions{Dir: dir + "x"}); !errors.Is(err, ErrNotFound) {
		t.Errorf("not there: %v", err)
	}
}

// TestCheck_MakesANewStoreOfWhatCanBeRead flips a byte of a table, so that Pebble itself cannot read some records.
func TestCheck_MakesANewStoreOfWhatCanBeRead(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "db")
	e := openEngine(t, Options{Dir: dir})
	const n = 400
	for i := range n {
		remember(t, e, ask(strings.Repeat("word ", i%7)+string(rune('a'+i%26))+strings.Repeat("x", i)), strings.Repeat("answer ", 10+i))
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 { // opening and closing moves the log into a table
		inStore(t, dir, func(s *store.Store) {
			if err := s.Apply().Wait(t.Context()); err != nil {
				t.Fatal(err)
			}
		})
	}
	tables, _ := filepath.Glob(filepath.Join(dir, "*.sst"))
	if len(tables) == 0 {
		t.Fatal("there is no table to damage")
	}
	content, err := os.ReadFile(tables[0])
	if err != nil {
		t.Fatal(err)
	}
	content[len(content)/3] ^= 1
	if err := os.WriteFile(tables[0], content, 0o600); err != nil {
		t.Fatal(err)
	}
	r := checkNow(t, dir, false)
	if r.Broken == 0 || r.Entries == 0 || r.Entries == n {
		t.Fatalf("%d entries, %d problems", r.Entries, r.Broken)
	}
	r = checkNow(t, dir, true)
	if r.Old == "" || r.Repaired != r.Broken {
		t.Errorf("%+v", r)
	}
	again := checkNow(t, dir, false)
	if again.Broken != 0 || again.Entries == 0 || again.Entries >= n || again.Entries != again.Exact {
		t.Errorf("after the repair: %+v", again)
	}
	t.Logf("%d of %d entries are left", again.Entries, n)
}
