package engine

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/blob"
	"github.com/kvasir-cache/kvasir/internal/fingerprint"
	"github.com/kvasir-cache/kvasir/internal/keyspace"
	"github.com/kvasir-cache/kvasir/internal/snapshot"
	"github.com/kvasir-cache/kvasir/internal/store"
)

// storeOp is something that changes a store, and what that does.
type storeOp struct {
	name       string
	after      map[string]string // answers of the prompts that it changes; empty where there is none any more
	frees      int               // entries that a compaction leaves; 0 means that this is none
	generation byte              // of the strategy
	chunks     func() []blob.Key // that are saved once it has ended
	run        func(e *Engine) error
}

// crashWorld knows what a store on a disk of tests holds.
type crashWorld struct {
	t      *testing.T
	disk   *store.FakeDisk
	salts  *fingerprint.Salts
	dir    string // of saved state
	random *rand.Rand
	last   int // number of the newest prompt

	mu         sync.Mutex
	known      map[string]string // answers by prompt
	chunks     map[blob.Key]bool
	generation byte

	failed error // that the engine told of last; guarded by mu
}

func newCrashWorld(t *testing.T, seed uint64) *crashWorld {
	w := &crashWorld{
		t: t, disk: store.NewFakeDisk(), dir: t.TempDir(), random: rand.New(rand.NewPCG(seed, 7)), generation: 1,
		known: map[string]string{}, chunks: map[blob.Key]bool{},
	}
	for _, next := range []func(*crashWorld) *storeOp{(*crashWorld).remembers, (*crashWorld).imports, (*crashWorld).saves, (*crashWorld).marks} {
		w.perform(next(w))
	}
	return w
}

// open opens the engine that an operation needs.
func (w *crashWorld) open(disk *store.FakeDisk, op *storeOp) *Engine {
	w.t.Helper()
	s := lowering()
	s.Generation = func() [16]byte { return [16]byte{op.generation} }
	o := with(s)
	o.Dir, o.disk, o.State, o.FlushInterval = "db", disk, StateOptions{Dir: w.dir, MinPrefill: -1}, time.Millisecond
	if op.frees > 0 {
		o.MaxEntries = op.frees
	}
	o.Events.Failed = func(f FailureInfo) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.failed = f.Err
	}
	e := openEngine(w.t, o)
	if w.salts == nil {
		w.salts = e.salts
	}
	e.salts = w.salts // a disk of a test keeps none
	return e
}

// done notes that an operation was acknowledged.
func (w *crashWorld) done(op *storeOp) {
	w.mu.Lock()
	defer w.mu.Unlock()
	maps.Copy(w.known, op.after)
	w.generation = op.generation
	if op.chunks != nil {
		for _, key := range op.chunks() {
			w.chunks[key] = true
		}
	}
}

// holds checks a store that an operation was to change and may have changed: all that was acknowledged is there, and of
// the operation each entry whole or not at all. It returns what is there.
func (w *crashWorld) holds(disk *store.FakeDisk, known map[string]string, op *storeOp, acknowledged bool) map[string]string {
	w.t.Helper()
	e := w.open(disk, &storeOp{generation: op.generation})
	waitFor(w.t, e.states.swept)
	noOrphans(w.t, e)
	everyKeyIsOwned(w.t, e)
	checkFiles(w.t, e)
	found := map[string]string{}
	for row, err := range e.store.Walk(keyspace.EntryPrefix()) {
		_, entry, errRow := decodeRow(row)
		if err = errors.Join(err, errRow); err != nil {
			w.t.Fatal(err)
		}
		found[entry.Prompt] = entry.Answer
	}
	all := maps.Clone(known)
	maps.Copy(all, op.after)
	maps.Copy(all, found)
	for prompt := range all {
		was, is := known[prompt], found[prompt]
		will, touched := op.after[prompt]
		switch {
		case touched && is == will, !touched && is == was, touched && !acknowledged && is == was:
		case op.frees > 0 && is == "":
		default:
			w.t.Errorf("%s, acknowledged %t: %q has %q, had %q, and is to get %q (%t)", op.name, acknowledged, prompt, is, was, will, touched)
		}
	}
	had := 0
	for _, answer := range known {
		if answer != "" {
			had++
		}
	}
	least := min(had, op.frees-op.frees/slackPart)
	if op.frees > 0 && (len(found) < least || acknowledged && len(found) > op.frees) {
		w.t.Errorf("%s: %d entries are left, want %d", op.name, len(found), op.frees)
	}
	for key := range w.chunks {
		if _, err := e.store.Get(keyspace.ChunkKey(key)); err != nil {
			w.t.Errorf("%s: chunk %x was acknowledged: %v", op.name, key[:4], err)
		}
	}
	if err := e.Close(); err != nil || w.t.Failed() {
		w.t.Fatalf("%s: %v", op.name, err)
	}
	return found
}

// everyKeyIsOwned walks over all that a store holds. What noOrphans looks at it leaves out.
func everyKeyIsOwned(t *testing.T, e *Engine) {
	t.Helper()
	forms := map[string]bool{} // keys of the signatures that there are to be
	for row, err := range e.store.Walk(nil) {
		if err != nil {
			t.Fatal(err)
		}
		switch row.Key[0] {
		case 'm', 'c', 'd', 'f', 'h', 'n', 'o', 'u', 'x', 'k':
		case 'e':
			id, entry, err := decodeRow(row)
			if err != nil {
				t.Fatal(err)
			}
			for _, form := range entry.Forms {
				forms[string(keyspace.SignatureKey(keyspace.GroupOf(entry.Namespace, form.Generation), form.Grams, id))] = true
			}
		case 's':
			if !forms[string(row.Key)] {
				t.Errorf("signature %x is of no normal form", row.Key)
			}
			delete(forms, string(row.Key))
		case 'r':
			key, err := keyspace.ParseChunkUsesKey(row.Key)
			if err == nil {
				_, err = e.store.Get(keyspace.ChunkKey(key))
			}
			if err != nil {
				t.Errorf("restores %x are of nothing: %v", row.Key, err)
			}
		default:
			t.Errorf("key %x is of no kind that is known", row.Key)
		}
	}
	if len(forms) > 0 {
		t.Errorf("%d normal forms have no signature", len(forms))
	}
}

// prompts returns new ones.
func (w *crashWorld) prompts(n int) (list []string) {
	for range n {
		w.last++
		list = append(list, fmt.Sprintf("What is the number %d?", w.last))
	}
	return list
}

// some returns up to n prompts that have an answer.
func (w *crashWorld) some(n int) (list []string) {
	for _, prompt := range slices.Sorted(maps.Keys(w.known)) {
		if w.known[prompt] != "" {
			list = append(list, prompt)
		}
	}
	w.random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list[:min(n, len(list))]
}

func (w *crashWorld) answer(prompt string) string {
	w.last++
	return strings.Repeat(fmt.Sprint("answer ", w.last, " to ", prompt, " "), 5)
}

func (w *crashWorld) op(name string) *storeOp {
	return &storeOp{name: name, generation: w.generation, after: map[string]string{}}
}

func (w *crashWorld) remembers() *storeOp {
	op := w.op("remember")
	for _, prompt := range append(w.prompts(3), w.some(1)...) {
		op.after[prompt] = w.answer(prompt)
	}
	op.run = func(e *Engine) error {
		for prompt, answer := range op.after {
			receipt, err := e.Remember(w.t.Context(), ask(prompt), answered(answer))
			if err == nil {
				err = receipt.Wait(w.t.Context())
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	return op
}

func (w *crashWorld) imports() *storeOp {
	op := w.op("import")
	var records []ExportRecord
	for _, prompt := range append(w.prompts(8), w.some(2)...) {
		r := ExportRecord{
			Model: strings.Repeat("00", 32), Request: snapshot.RequestOf(ask(prompt).Request), Answer: w.answer(prompt),
			FinishReason: base.FinishStop, Created: time.Now(),
		}
		op.after[prompt] = r.Answer
		records = append(records, r)
	}
	op.run = func(e *Engine) error {
		done, err := e.Import(w.t.Context(), records, MergeReplace)
		if err == nil && len(done.Refused) > 0 {
			err = fmt.Errorf("refused: %+v", done.Refused)
		}
		return err
	}
	return op
}

func (w *crashWorld) compacts() *storeOp {
	op := w.op("compact")
	op.frees = max(4, len(w.some(len(w.known)))/2)
	op.run = func(e *Engine) error {
		_, err := e.Compact(w.t.Context(), false)
		return err
	}
	return op
}

func (w *crashWorld) reindexes() *storeOp {
	op := w.op("reindex")
	op.generation = w.generation%3 + 1
	op.run = func(e *Engine) error {
		for begin := true; ; begin = false {
			r, err := e.Reindex(w.t.Context(), begin)
			switch {
			case err != nil:
				return err
			case r.Failed:
				return e.store.Err()
			case r.Done:
				return e.store.Apply().Wait(w.t.Context())
			}
		}
	}
	return op
}

func (w *crashWorld) removes() *storeOp {
	op := w.op("remove")
	for _, prompt := range w.some(2) {
		op.after[prompt] = ""
	}
	op.run = func(e *Engine) error {
		for prompt := range op.after {
			if err := e.Remove(w.t.Context(), w.idOf(e, prompt)); err != nil {
				return err
			}
		}
		return nil
	}
	return op
}

func (w *crashWorld) forgets() *storeOp {
	op := w.op("forget")
	part := fmt.Sprintf("%d?", w.random.IntN(10))
	for _, prompt := range w.some(len(w.known)) {
		if strings.Contains(prompt, part) {
			op.after[prompt] = ""
		}
	}
	op.run = func(e *Engine) error {
		_, err := e.Forget(w.t.Context(), Filter{Prompt: part}, "", false)
		return err
	}
	return op
}

func (w *crashWorld) marks() *storeOp {
	op := w.op("mark bad")
	prompt := w.some(1)[0]
	op.after[prompt] = ""
	op.run = func(e *Engine) error {
		_, err := e.MarkBad(w.t.Context(), w.idOf(e, prompt), nil)
		return err
	}
	return op
}

// undoes takes one mark back, which brings its entry back.
func (w *crashWorld) undoes() *storeOp {
	op := w.op("undo bad")
	e := w.open(w.disk, op)
	defer e.Close()
	marks, err := e.ListBad(w.t.Context())
	if err != nil || len(marks) == 0 {
		return w.marks()
	}
	m := marks[w.random.IntN(len(marks))]
	number, _ := parseID(m.Entry)
	for row, err := range e.store.Walk(keyspace.WrongPrefix()) {
		wrong, errRow := keyspace.DecodeWrong(row.Key, row.Value)
		if err = errors.Join(err, errRow); err != nil {
			w.t.Fatal(err)
		}
		if entry, err := keyspace.DecodeEntry(keyspace.EntryKey(number), wrong.Retired); wrong.Entry == number && err == nil && w.known[entry.Prompt] == "" {
			op.after[entry.Prompt] = entry.Answer
		}
	}
	op.run = func(e *Engine) error {
		_, err := e.UndoBad(w.t.Context(), m.Entry, nil)
		return err
	}
	return op
}

func (w *crashWorld) pins() *storeOp {
	op := w.op("pin")
	prompt, pinned := w.some(1)[0], w.random.IntN(3) == 0
	op.run = func(e *Engine) error { return e.Pin(w.t.Context(), w.idOf(e, prompt), pinned) }
	return op
}

// notes does to the store what the writer of an export does.
func (w *crashWorld) notes() *storeOp {
	op := w.op("note an export")
	op.run = func(e *Engine) error {
		if _, err := e.Export(w.t.Context(), "", ExportFilter{}); err != nil {
			return err
		}
		file := &Snapshot{Path: "/x.jsonl"}
		if err := e.Snapshotted(w.t.Context(), &Snapshot{Coming: file}); err != nil {
			return err
		}
		return e.Snapshotted(w.t.Context(), file)
	}
	return op
}

// saves settles a lease with three new chunks.
func (w *crashWorld) saves() *storeOp {
	op := w.op("save state")
	w.last++
	tokens := make([]base.Token, 64*3+3)
	for i := range tokens {
		tokens[i] = base.Token(1000*w.last + i)
	}
	var keys []blob.Key
	op.chunks = func() []blob.Key { return keys }
	op.run = func(e *Engine) error {
		lease, err := e.Resume(w.t.Context(), &StateQuery{State: StateID{1}, Tokens: tokens})
		if err != nil {
			return err
		}
		var report *base.StateReport
		report, keys = savedChunks(w.t, lease, tokens)
		settled, err := e.Settle(w.t.Context(), lease.ID, report, true)
		if err == nil && settled.Saved != len(keys) {
			w.mu.Lock()
			defer w.mu.Unlock()
			err = errors.Join(w.failed, fmt.Errorf("%d chunks were saved", settled.Saved))
		}
		return err
	}
	return op
}

func (w *crashWorld) idOf(e *Engine, prompt string) string {
	k, err := e.keysOf(ask(prompt))
	if err != nil {
		w.t.Error(err)
		return ""
	}
	id, err := e.leadsTo(k.index())
	if err != nil {
		w.t.Errorf("%q: %v", prompt, err)
	}
	return id.String()
}

// storeOps are all of them.
var storeOps = []func(*crashWorld) *storeOp{
	(*crashWorld).remembers, (*crashWorld).imports, (*crashWorld).compacts, (*crashWorld).reindexes, (*crashWorld).removes,
	(*crashWorld).forgets, (*crashWorld).marks, (*crashWorld).undoes, (*crashWorld).pins, (*crashWorld).notes, (*crashWorld).saves,
}
