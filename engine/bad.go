package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/fingerprint"
	"github.com/kvasir-cache/kvasir/internal/keyspace"
	"github.com/kvasir-cache/kvasir/internal/snapshot"
	"github.com/kvasir-cache/kvasir/internal/store"
)

// marksToRetire is how many prompts the answer of an entry is wrong for before it serves nobody any more.
const marksToRetire = 3

// Mark says that the answer of an entry is wrong for a prompt.
type Mark struct {
	Entry   string    `json:"entry"`  // id that the entry had
	Prompt  string    `json:"prompt"` // that its answer is wrong for
	Asked   string    `json:"asked"`  // its own prompt
	When    time.Time `json:"when"`
	Retired bool      `json:"retired"` // the entry was taken out of service by this
	Marks   int       `json:"marks"`   // on the entry, this one with them
	Bar     float64   `json:"bar"`     // what is left between the floor and 1 that a score has to pass, 0 to 1
}

// own reports whether a mark is about the prompt of the entry itself.
func own(key []byte) bool {
	_, entry, prompt, err := keyspace.ParseWrongKey(key)
	return err == nil && entry == prompt
}

// barOf is how far the bar of an entry rises: of what is between the floor and 1, this share has to be passed.
func barOf(marks int) float64 { return float64(marks) / float64(marks+1) }

// MarkBad says that the answer of an entry is wrong for a prompt, asked with the same parameters and after the
// same messages; nil means the entry's own prompt. The pair is never served again. The bar of the entry rises
// with every prompt, and at the third one, or its own, the entry is retired: it serves nobody, and the model is
// asked again. When it returns, that is safe.
func (e *Engine) MarkBad(ctx context.Context, id string, prompt *string) (*Mark, error) {
	number, err := parseID(id)
	if err != nil {
		return nil, err
	}
	mark, receipt, err := e.mark(number, prompt)
	if err != nil {
		return nil, noEntry(id, err)
	}
	return mark, receipt.Wait(ctx)
}

func (e *Engine) mark(id keyspace.ID, prompt *string) (*Mark, *store.Receipt, error) {
	e.changing.Lock()
	defer e.changing.Unlock()
	entry, err := e.read(id)
	if err != nil {
		return nil, nil, err
	}
	w := &keyspace.Wrong{When: e.options.Now().UnixNano(), Entry: id, Prompt: entry.Prompt, Asked: entry.Prompt}
	if prompt != nil {
		w.Prompt = *prompt
	}
	key, err := e.wrongKey(entry, w.Prompt)
	if err != nil {
		return nil, nil, err
	}
	others, _, err := e.wrongRows(entry, key)
	if err != nil {
		return nil, nil, err
	}
	c := change{account: e.storedUses(id).Worth.Account}
	marks := len(others) + 1
	if own(key) || marks >= marksToRetire {
		if w.Retired, err = e.store.Get(keyspace.EntryKey(id)); err != nil {
			return nil, nil, err
		}
		w.Uses = keyspace.EncodeUses(keyspace.UsesKey(id), e.usesOf(id))
		c.remove(e, id, w.Retired, RemovedAsWrong)
	}
	c.setWrong(e, key, w)
	receipt, err := e.applyLocked(&c)
	return e.markOf(w, marks), receipt, err
}

// setWrong adds a mark. From before it is applied on, lookups look for marks.
func (c *change) setWrong(e *Engine, key []byte, w *keyspace.Wrong) {
	e.matching.wrong.Store(wrongSome)
	c.set(key, keyspace.EncodeWrong(key, w))
	c.count(marked, 1)
}

// outlawed reports whether an entry of a request was retired after this one was remembered, which would bring
// the wrong answer back.
func (e *Engine) outlawed(entry *keyspace.Entry) (bool, error) {
	if !e.hasWrong() {
		return false, nil
	}
	others, self, err := e.wrongRows(entry, nil)
	if self != nil {
		others = append(others, *self)
	}
	return slices.ContainsFunc(others, func(row wrongRow) bool {
		return row.wrong.Retired != nil && row.wrong.When >= entry.Created
	}), err
}

func (e *Engine) markOf(w *keyspace.Wrong, marks int) *Mark {
	return &Mark{
		Entry: w.Entry.String(), Prompt: w.Prompt, Asked: w.Asked, When: moment(w.When), Retired: w.Retired != nil,
		Marks: marks, Bar: barOf(marks),
	}
}

// wrongKey is where it is noted that an entry is wrong for a prompt.
func (e *Engine) wrongKey(entry *keyspace.Entry, prompt string) ([]byte, error) {
	if prompt == entry.Prompt {
		return keyspace.WrongKey(entry.Namespace, entry.Exact, entry.Exact), nil
	}
	if prompt == "" {
		return nil, &base.Error{Sentinel: base.ErrInvalid, Message: "the prompt is empty"}
	}
	_, salt, err := e.tenantOf(entry)
	if err != nil {
		return nil, err
	}
	exact := fingerprint.ExactKey(salt, fingerprint.ID(entry.Namespace), prompt)
	return keyspace.WrongKey(entry.Namespace, entry.Exact, keyspace.Hash(exact)), nil
}

// wrongRow is a mark as it is stored.
type wrongRow struct {
	key   []byte
	wrong *keyspace.Wrong
}

// wrongRows returns the marks of an entry for prompts of others, but the one under a key, and that for its own
// prompt, if there is one.
func (e *Engine) wrongRows(entry *keyspace.Entry, but []byte) (others []wrongRow, self *wrongRow, err error) {
	for row, err := range e.store.Walk(keyspace.WrongEntryPrefix(entry.Namespace, entry.Exact)) {
		if err != nil {
			return nil, nil, err
		}
		w, err := keyspace.DecodeWrong(row.Key, row.Value)
		switch {
		case bytes.Equal(row.Key, but):
		case own(row.Key):
			if err == nil {
				self = &wrongRow{row.Key, w}
			}
		case err != nil: // the prompt is in the key all the same
			others = append(others, wrongRow{row.Key, &keyspace.Wrong{}})
		default:
			others = append(others, wrongRow{row.Key, w})
		}
	}
	return others, self, nil
}

// UndoBad takes back what MarkBad said of an entry and a prompt, or, without a prompt, all that was said of the
// entry. An entry that was retired is there again as it was, pinned if it was pinned, unless its request has been
// answered anew. It returns the marks that are gone.
func (e *Engine) UndoBad(ctx context.Context, id string, prompt *string) ([]Mark, error) {
	number, err := parseID(id)
	if err != nil {
		return nil, err
	}
	if err := e.needLedger(); err != nil { // which says how much is pinned
		e.failed("undo what was said to be wrong", err)
	}
	gone, receipt, err := e.unmark(number, prompt)
	if err != nil {
		return nil, err
	}
	if len(gone) == 0 {
		about := ""
		if prompt != nil {
			about = " for this prompt"
		}
		return nil, &base.Error{Sentinel: ErrNotFound, Message: fmt.Sprintf("nothing is said to be wrong with entry %s%s", id, about), Hint: "kvasir bad --list lists what is"}
	}
	if err := receipt.Wait(ctx); err != nil {
		return gone, err
	}
	e.fillRestored(ctx, gone)
	return gone, nil
}

func (e *Engine) unmark(id keyspace.ID, prompt *string) (gone []Mark, receipt *store.Receipt, err error) {
	e.changing.Lock()
	defer e.changing.Unlock()
	var c change
	prefix := []byte(nil)
	if entry, err := e.read(id); err == nil {
		prefix = keyspace.WrongEntryPrefix(entry.Namespace, entry.Exact)
	}
	for row, err := range e.store.Walk(keyspace.WrongPrefix()) {
		if err != nil {
			return nil, nil, err
		}
		w, err := keyspace.DecodeWrong(row.Key, row.Value)
		if err != nil || w.Entry != id && (prefix == nil || !bytes.HasPrefix(row.Key, prefix)) || prompt != nil && w.Prompt != *prompt {
			continue
		}
		c.delete(row.Key)
		c.count(marked, 1)
		gone = append(gone, *e.markOf(w, 0))
		if w.Retired != nil {
			if err := e.restore(&c, w); err != nil {
				return nil, nil, err
			}
		}
	}
	receipt, err = e.applyLocked(&c)
	return gone, receipt, err
}

// restore puts a retired entry back where it was, unless its request has another one.
func (e *Engine) restore(c *change, w *keyspace.Wrong) error {
	if bytes.Equal(w.Retired, retiredGone) {
		return nil // there is nothing left of it
	}
	key := keyspace.EntryKey(w.Entry)
	entry, err := keyspace.DecodeEntry(key, w.Retired)
	if err != nil {
		return err
	}
	index := keyspace.ExactKey(entry.Namespace, entry.Exact)
	if _, err := e.leadsTo(index); !errors.Is(err, store.ErrNotFound) {
		return nil
	}
	entry.Forms = nil // their signatures are gone; Reindex makes them again
	tenant, _, err := e.tenantOf(entry)
	if err != nil {
		return err
	}
	value := keyspace.EncodeEntry(key, entry)
	c.account = accountName(tenant)
	uses := e.restoredUses(w, worthOf(entry, c.account, entrySize(len(value), nil)))
	c.set(key, value)
	c.set(index, keyspace.EncodeExact(index, w.Entry))
	c.setUses(e, w.Entry, uses)
	c.count(entries, 1)
	c.count(entryBytes, int64(uses.Worth.Bytes))
	c.then = append(c.then, e.matching.filling.anew)
	return nil
}

// restoredUses is the use counter that a retired entry comes back with: the one it had, with its worth as it is now.
// The caller holds e.changing.
func (e *Engine) restoredUses(w *keyspace.Wrong, worth keyspace.Worth) keyspace.Uses {
	had, err := keyspace.DecodeUses(keyspace.UsesKey(w.Entry), w.Uses)
	if err != nil || !had.Worth.Known {
		return keyspace.Uses{Worth: worth} // nobody noted it
	}
	worth.Weight, worth.Pinned = had.Worth.Weight, had.Worth.Pinned
	if worth.Pinned && e.checkPins(&row{id: w.Entry, bytes: uint32(min(worth.Bytes, math.MaxUint32))}, w.Entry) != nil {
		worth.Pinned = false
		e.options.Logger.Warn("an entry is there again, and no longer pinned: too much is", "entry", w.Entry.String())
	}
	return keyspace.Uses{Count: had.Count, Last: had.Last, Worth: worth}
}

// fillRestored gives entries that are there again their normal forms, so that what is alike finds them at once.
// Where that fails a later lookup does it.
func (e *Engine) fillRestored(ctx context.Context, gone []Mark) {
	for _, mark := range gone {
		id, err := parseID(mark.Entry)
		if err != nil || !mark.Retired {
			continue
		}
		m, err := e.matcher(ctx)
		if err != nil || m == nil {
			return
		}
		key := keyspace.EntryKey(id)
		value, err := e.store.Get(key)
		if err != nil {
			continue // its request has been answered anew
		}
		if err := e.fillRow(m, store.Row{Key: key, Value: value}); err != nil {
			e.failed("fill normal forms", err)
		}
	}
}

// ListBad returns all that was said to be wrong, oldest first.
func (e *Engine) ListBad(context.Context) ([]Mark, error) {
	var list []Mark
	marks := map[string]int{}
	var of []string
	for row, err := range e.store.Walk(keyspace.WrongPrefix()) {
		if err != nil {
			return nil, err
		}
		w, err := keyspace.DecodeWrong(row.Key, row.Value)
		if err != nil {
			e.failed("list what is wrong", err)
			continue
		}
		entry := string(row.Key[:len(row.Key)-len(keyspace.Hash{})])
		marks[entry]++
		of, list = append(of, entry), append(list, *e.markOf(w, 0))
	}
	for i := range list {
		list[i].Marks = marks[of[i]]
		list[i].Bar = barOf(list[i].Marks)
	}
	slices.SortStableFunc(list, func(a, b Mark) int { return a.When.Compare(b.When) })
	return list, nil
}

// wrongOf returns what is said to be wrong of an entry, as exports have it.
func (e *Engine) wrongOf(entry *keyspace.Entry) (list []snapshot.Wrong, err error) {
	if !e.hasWrong() {
		return nil, nil
	}
	others, _, err := e.wrongRows(entry, nil)
	for _, row := range others {
		if row.wrong.When != 0 && row.wrong.Prompt != "" { // or its text is gone
			list = append(list, snapshot.Wrong{Prompt: row.wrong.Prompt, When: moment(row.wrong.When)})
		}
	}
	slices.SortFunc(list, func(a, b snapshot.Wrong) int {
		return cmpOr(a.When.Compare(b.When), a.Prompt, b.Prompt)
	})
	return list, err
}

// checkWrong refuses marks that nobody can have made.
func checkWrong(r *ExportRecord) error {
	for _, w := range r.Wrong {
		if _, err := stamp("when", w.When); err != nil {
			return fmt.Errorf("wrong: %w", err)
		}
		if w.Prompt == "" || !utf8.ValidString(w.Prompt) {
			return errors.New("wrong: the prompt is empty or no UTF-8")
		}
	}
	return nil
}

// importWrong adds what a record says to be wrong of the entry that has an id here, and returns how much is new.
func (e *Engine) importWrong(c *change, in *incoming, id keyspace.ID) (marks int, err error) {
	for _, w := range in.record.Wrong {
		if w.Prompt == in.Prompt {
			continue
		}
		when, err := stamp("when", w.When)
		if err != nil {
			return marks, err // checkWrong refuses it
		}
		key, err := e.wrongKey(in.Entry, w.Prompt)
		if err != nil {
			return marks, err
		}
		if _, err := e.store.Get(key); err == nil {
			continue // it is known, and may say more
		}
		c.setWrong(e, key, &keyspace.Wrong{When: when, Entry: id, Prompt: w.Prompt, Asked: in.Prompt})
		marks++
	}
	return marks, nil
}

// idHere is the id that the request of an imported entry has: that of its entry, or of the one that was retired.
func (e *Engine) idHere(in *incoming) keyspace.ID {
	if id, err := e.leadsTo(in.index()); err == nil {
		return id
	}
	rows, self, _ := e.wrongRows(in.Entry, nil) // a mark without an id is no failure
	if self != nil {
		rows = append(rows, *self)
	}
	for _, row := range rows {
		if row.wrong.Retired != nil {
			return row.wrong.Entry
		}
	}
	return 0
}
