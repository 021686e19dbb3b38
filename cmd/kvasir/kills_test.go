//go:build linux && !llama && !race

package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/engine"
	"github.com/kvasir-cache/kvasir/internal/keyspace"
	"github.com/kvasir-cache/kvasir/internal/store"
)

// fate is what the store holds for a prompt: its answer, empty if there is none, and whether that is pinned.
type fate struct {
	answer string
	pinned bool
}

// killStep is one command, and what it does to the store.
type killStep struct {
	name  string
	args  []string
	stdin string
	after map[string]fate // of the prompts that it changes
	least int             // entries that a compaction leaves; 0 means that this is none
	alone bool            // nobody else may change the store meanwhile
	ended func()          // checks what was acknowledged
}

// killRig kills kvasir again and again on one store, and knows what that store holds.
type killRig struct {
	t      *testing.T
	dir    string
	url    string
	random *rand.Rand
	known  map[string]fate // by prompt
	ids    map[string]keyspace.ID
	forms  map[string]int // how many entries have which generations
	last   int            // number of the newest prompt
	usual  map[string]time.Duration
	killed int
	halves int // kills that left some of what a command does done, and some not
}

// TestKills_LoseNothingThatWasAcknowledged kills kvasir at random moments while it remembers, compacts, imports, makes
// normal forms of a new generation, exports, removes, pins, and marks as wrong, all on one store. After every kill all
// that was acknowledged is there, nothing is there by half, a check finds nothing broken, and every record has an owner.
func TestKills_LoseNothingThatWasAcknowledged(t *testing.T) {
	rounds := numberIn(t, killsEnv, 50)
	r := newKillRig(t)
	for _, next := range killSteps { // unharmed, to see how long each takes
		s := next(r)
		r.round(&s, time.Hour, false)
	}
	for n := 0; r.killed < rounds; n++ {
		if n > 4*rounds {
			t.Fatalf("of %d commands only %d could be killed", n, r.killed)
		}
		s := killSteps[r.random.IntN(len(killSteps))](r)
		usual := r.usual[s.name] // from when it has the store on; any moment will do
		r.round(&s, time.Duration(r.random.Int64N(int64(usual*5/4)+1)), n%4 == 3)
	}
	r.tidy()
	t.Logf("%d kills, of which %d left a command half done; %d entries are left", r.killed, r.halves, len(r.known))
}

func newKillRig(t *testing.T) *killRig {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := &killRig{
		t: t, dir: t.TempDir(), url: answersOf(t), random: rand.New(rand.NewPCG(seed, 5)),
		known: map[string]fate{}, usual: map[string]time.Duration{},
	}
	r.configure(normalizers)
	return r
}

func (r *killRig) store() string { return filepath.Join(r.dir, "snapshot", "llama_cache.db") }

// round runs a command, kills it a while after it has the store unless it has ended by then, and checks the store. Beside it there
// may be another kvasir, which has to succeed.
func (r *killRig) round(s *killStep, after time.Duration, beside bool) {
	r.t.Helper()
	var others sync.WaitGroup
	defer others.Wait()
	besides := map[string]fate{}
	if beside && !s.alone {
		prompt := r.prompt("asked")
		besides[prompt] = fate{answer: answerTo(prompt)}
		others.Go(func() {
			if text, err := quietKvasir(r.dir, "run", "-p", prompt).CombinedOutput(); err != nil {
				r.t.Errorf("%s: the one beside failed: %v: %s", s.name, err, text)
			}
		})
	}
	acknowledged := r.run(s, after)
	others.Wait()
	r.verify(s, acknowledged, besides)
}

// run reports whether the command ended by itself.
func (r *killRig) run(s *killStep, after time.Duration) bool {
	r.t.Helper()
	var out bytes.Buffer
	cmd := quietKvasir(r.dir, s.args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(s.stdin), &out, &out
	_ = os.Remove(filepath.Join(r.store(), "control.sock")) // of one that was killed
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	ended := make(chan struct{})
	var killer sync.WaitGroup
	var began time.Time
	killer.Go(func() {
		began = r.opened(ended)
		select {
		case <-time.After(after):
			_ = cmd.Process.Kill()
		case <-ended:
		}
	})
	err := cmd.Wait()
	close(ended)
	killer.Wait()
	if killed := err != nil && !cmd.ProcessState.Exited(); killed {
		r.killed++
		return false
	}
	if err != nil || strings.Contains(out.String(), "was not written") {
		r.t.Fatalf("kvasir %q: %v: %s", s.args, err, &out)
	}
	r.usual[s.name] = (r.usual[s.name] + time.Since(began)) / 2
	return true
}

// opened waits until a process has the store. Those that only read it never do; for them it waits for a moment.
func (r *killRig) opened(ended <-chan struct{}) time.Time {
	for latest := time.Now().Add(40 * time.Millisecond); time.Now().Before(latest); {
		select {
		case <-ended:
			return time.Now()
		case <-time.After(time.Millisecond / 2):
		}
		if _, err := os.Stat(filepath.Join(r.store(), "control.sock")); err == nil {
			break
		}
	}
	return time.Now()
}

// verify compares the store with what it may hold now.
func (r *killRig) verify(s *killStep, acknowledged bool, besides map[string]fate) {
	r.t.Helper()
	report, err := engine.Check(r.t.Context(), engine.CheckOptions{Dir: r.store()})
	switch {
	case len(r.known) == 0 && os.IsNotExist(err):
		return // it was killed before there was a store
	case err != nil:
		r.t.Fatal(err)
	case report.Broken > 0:
		r.t.Fatalf("%s, acknowledged %t: a check found %+v", s.name, acknowledged, report.Problems)
	}
	found := r.read()
	done, undone := 0, 0
	for _, prompt := range promptsOf(r.known, found, s.after, besides) {
		was, is := r.known[prompt], found[prompt]
		will, touched := s.after[prompt]
		if must, ok := besides[prompt]; ok {
			was, will = must, must
		}
		switch {
		case strings.HasPrefix(prompt, "brief") && (is == fate{} || is.answer == answerTo(prompt)): // it expires some time
		case touched && is == will:
			done++
		case touched && !acknowledged && is == was:
			undone++
		case !touched && is == was:
		case s.least > 0 && is == fate{} && !was.pinned:
		default:
			r.t.Fatalf("%s, acknowledged %t: %q has %+v, had %+v, and is to get %+v (%t)", s.name, acknowledged, prompt, is, was, will, touched)
		}
	}
	if len(found) < s.least {
		r.t.Fatalf("%s: %d entries are left, want %d", s.name, len(found), s.least)
	}
	if done > 0 && undone > 0 {
		r.halves++
	}
	r.known = found
	if acknowledged && s.ended != nil {
		s.ended()
	}
}

func promptsOf(maps ...map[string]fate) (prompts []string) {
	for _, m := range maps {
		for prompt := range m {
			prompts = append(prompts, prompt)
		}
	}
	slices.Sort(prompts)
	return slices.Compact(prompts)
}

// tidy checks that nothing is left behind once kvasir has run unharmed: no file that is none of the store's, and no
// file of an export that was never done.
func (r *killRig) tidy() {
	r.t.Helper()
	leftovers, _ := filepath.Glob(filepath.Join(r.dir, "*.new-*"))
	more, _ := filepath.Glob(filepath.Join(r.dir, "*", "*.new-*"))
	for _, path := range append(leftovers, more...) {
		long := time.Now().Add(-25 * time.Hour)
		if err := os.Chtimes(path, long, long); err != nil {
			r.t.Fatal(err)
		}
	}
	for _, args := range [][]string{{"export"}, {"export", "out.jsonl"}, {"compact"}} {
		if text, err := quietKvasir(r.dir, args...).CombinedOutput(); err != nil {
			r.t.Fatalf("%q: %v: %s", args, err, text)
		}
	}
	for _, dir := range []string{r.dir, filepath.Dir(r.store()), r.store()} {
		files, err := os.ReadDir(dir)
		if err != nil {
			r.t.Fatal(err)
		}
		for _, f := range files {
			if !f.IsDir() && !slices.ContainsFunc(filesOfAStore, func(p string) bool { ok, _ := filepath.Match(p, f.Name()); return ok }) {
				r.t.Errorf("%s is left in %s", f.Name(), dir)
			}
		}
	}
}

// filesOfAStore are patterns of what may be there: Pebble's files, those beside them, and those of the steps.
var filesOfAStore = []string{
	"*.sst", "*.log", "LOCK", "MANIFEST-*", "OPTIONS-*", "marker.*", "salts*", "secret", "control.sock", "hits.*",
	"llama_cache.jsonl", "out.jsonl", "in.jsonl", "cache.toml",
}

// read returns what the store holds, and holds that each record is of a known kind and belongs to an entry.
func (r *killRig) read() map[string]fate {
	r.t.Helper()
	s, err := store.Open(store.Options{Dir: r.store(), MustExist: true})
	if err != nil {
		r.t.Fatal(err)
	}
	w := &keyWalk{entries: map[keyspace.ID]*keyspace.Entry{}, found: map[string]fate{}, ids: map[string]keyspace.ID{}, forms: map[string]int{}, counts: map[byte]int{}}
	for row, err := range s.Walk(nil) {
		if err == nil {
			err = w.row(row)
		}
		if err != nil {
			r.t.Fatalf("key %x: %v", row.Key, err)
		}
	}
	if err := s.Close(); err != nil {
		r.t.Fatal(err)
	}
	if n := len(w.entries); w.counts['u'] != n || w.counts['x'] != n || w.total != w.bytes {
		r.t.Fatalf("%d entries, %d use counters, %d exact keys; %d bytes, and %d are counted", n, w.counts['u'], w.counts['x'], w.bytes, w.total)
	}
	r.ids, r.forms = w.ids, w.forms
	return w.found
}

// keyWalk sees every record of a store, in the order of the keys: entries before all that belongs to them.
type keyWalk struct {
	entries      map[keyspace.ID]*keyspace.Entry
	found        map[string]fate
	ids          map[string]keyspace.ID
	forms        map[string]int
	counts       map[byte]int
	bytes, total int64 // of entries, added up and as the store counts them
}

func (w *keyWalk) row(row store.Row) (err error) {
	kind := row.Key[0]
	w.counts[kind]++
	id := keyspace.ID(0)
	switch kind {
	case 'm', 'h', 'd', 'f', 'n': // the store's own, and marks, which outlive their entries
		return nil
	case 'c':
		if name, _ := keyspace.ParseTotalKey(row.Key); name == "cache.entry_bytes" {
			w.total, err = keyspace.DecodeTotal(row.Key, row.Value)
		}
		return err
	case 'e':
		return w.entry(row)
	case 'u':
		return w.uses(row)
	case 'x':
		id, err = keyspace.DecodeExact(row.Key, row.Value)
	case 's':
		_, _, id, err = keyspace.ParseSignatureKey(row.Key)
	default:
		return fmt.Errorf("it is of no kind that belongs here")
	}
	if err == nil && w.entries[id] == nil {
		err = fmt.Errorf("its entry, %s, is not there", id)
	}
	return err
}

func (w *keyWalk) entry(row store.Row) error {
	id, err := keyspace.ParseEntryKey(row.Key)
	if err != nil {
		return err
	}
	entry, err := keyspace.DecodeEntry(row.Key, row.Value)
	if err != nil {
		return err
	}
	if w.ids[entry.Prompt] != 0 {
		return fmt.Errorf("%q has two entries", entry.Prompt)
	}
	generations := make([]string, len(entry.Forms))
	for i, form := range entry.Forms {
		generations[i] = fmt.Sprintf("%x", form.Generation)
	}
	w.forms[strings.Join(generations, " ")]++
	w.entries[id], w.ids[entry.Prompt], w.found[entry.Prompt] = entry, id, fate{answer: entry.Answer}
	return nil
}

func (w *keyWalk) uses(row store.Row) error {
	id, err := keyspace.ParseUsesKey(row.Key)
	if err != nil {
		return err
	}
	u, err := keyspace.DecodeUses(row.Key, row.Value)
	if err != nil || w.entries[id] == nil || !u.Worth.Known {
		return fmt.Errorf("entry %s: there %t, worth known %t, %w", id, w.entries[id] != nil, u.Worth.Known, err)
	}
	w.bytes += int64(u.Worth.Bytes)
	prompt := w.entries[id].Prompt
	w.found[prompt] = fate{answer: w.found[prompt].answer, pinned: u.Worth.Pinned}
	return nil
}
