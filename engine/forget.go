package engine

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/keyspace"
	"github.com/kvasir-cache/kvasir/internal/store"
)

// Filter says which entries are meant: those for which all of it holds. It has to say something.
type Filter struct {
	Prompt    string        `json:",omitempty"` // the prompt has this text in it
	Topic     string        `json:",omitempty"`
	Tag       string        `json:",omitempty"`
	Model     string        `json:",omitempty"` // the model's id begins with these hex digits
	OlderThan time.Duration `json:",omitempty"` // it was stored longer ago than this
	All       bool          `json:",omitempty"` // every entry, where nothing else is said
}

// check refuses a filter that says nothing, so that nobody removes everything by a mistake.
func (f *Filter) check() error {
	some := f.Prompt != "" || f.Topic != "" || f.Tag != "" || f.Model != "" || f.OlderThan > 0
	switch {
	case !some && !f.All:
		return &base.Error{Sentinel: base.ErrInvalid, Message: "the filter does not say which entries", Hint: "--all means every one"}
	case some && f.All:
		return &base.Error{Sentinel: base.ErrInvalid, Message: "the filter means all entries, and some"}
	}
	return nil
}

// matches reports whether an entry is meant.
func (f *Filter) matches(entry *keyspace.Entry, now time.Time) bool {
	switch {
	case !strings.Contains(entry.Prompt, f.Prompt),
		f.Topic != "" && entry.Topic != f.Topic,
		f.Tag != "" && !slices.Contains(entry.Tags, f.Tag),
		!strings.HasPrefix(ModelID(entry.Model).String(), strings.ToLower(f.Model)),
		f.OlderThan > 0 && now.Sub(moment(entry.Created)) <= f.OlderThan:
		return false
	}
	return true
}

// Forgotten says what Forget removed, or would remove.
type Forgotten struct {
	Entries int64         `json:"entries"`
	Bytes   int64         `json:"bytes"`
	Uses    uint64        `json:"uses"`
	Cost    time.Duration `json:"cost_ns"`        // what computing all of them once more takes
	Saved   time.Duration `json:"saved_ns"`       // about what they have saved so far
	Pinned  int64         `json:"pinned"`         // of the entries
	Unread  int64         `json:"unread"`         // could not be read: with All they are of the entries, else they stay
	Next    string        `json:"next,omitempty"` // id where the rest begins; empty if there is none
}

// forgetPage is how many entries are looked at in one call.
const forgetPage = 4096

// Forget removes the entries that a filter means, pinned ones too, and the texts of marks on them or of their kind,
// from an id on; an empty one is the beginning. It looks
// at some thousand entries and returns; Next says where to go on. With dry it removes nothing. A damaged entry is meant by
// a filter that means all.
func (e *Engine) Forget(ctx context.Context, f Filter, from string, dry bool) (*Forgotten, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	first := []byte(nil)
	if from != "" {
		id, err := parseID(from)
		if err != nil {
			return nil, err
		}
		first = keyspace.EntryKey(id)
	}
	var sum Forgotten
	for seen := 0; seen < forgetPage; {
		rows, next, err := e.rowsToForget(first)
		if err != nil {
			return nil, err
		}
		if err := e.forgetRows(&f, rows, dry, &sum); err != nil {
			return nil, err
		}
		if seen, first = seen+len(rows), next; first == nil {
			break
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	if first != nil {
		id, err := keyspace.ParseEntryKey(first)
		if err != nil {
			return nil, err
		}
		sum.Next = id.String()
	}
	if dry {
		return &sum, nil
	}
	if sum.Next == "" { // once, at the end
		if err := e.forgetMarks(&f); err != nil {
			return nil, err
		}
	}
	return &sum, e.store.Apply().Wait(ctx)
}

// rowsToForget is a page of entries. Where one is damaged so that it cannot be read, it has those that the ledger
// knows, one by one, and no value for what is damaged.
func (e *Engine) rowsToForget(first []byte) (rows []store.Row, next []byte, err error) {
	rows, next, err = e.store.Page(keyspace.EntryPrefix(), first, 0)
	if !errors.Is(err, ErrCorrupt) || e.needLedger() != nil {
		return rows, next, err
	}
	e.failed("forget", err)
	for _, r := range e.ledger.live() {
		key := keyspace.EntryKey(r.id)
		if bytes.Compare(key, first) < 0 {
			continue
		}
		if len(rows) == removeBatch {
			return rows, key, nil
		}
		value, err := e.store.Get(key)
		switch {
		case errors.Is(err, ErrNotFound):
			continue
		case err != nil && !errors.Is(err, ErrCorrupt):
			return nil, nil, err
		}
		rows = append(rows, store.Row{Key: key, Value: value})
	}
	return rows, nil, nil
}

// forgetRows removes what is meant of a page, batch by batch.
func (e *Engine) forgetRows(f *Filter, rows []store.Row, dry bool, sum *Forgotten) error {
	now := e.options.Now()
	for batch := range slices.Chunk(rows, removeBatch) {
		var meant []victim
		for _, r := range batch {
			id, entry, err := decodeRow(r)
			if err != nil {
				sum.Unread++
			}
			if err != nil && !f.All || err == nil && !f.matches(entry, now) {
				continue
			}
			meant = append(meant, victim{row{id: id}, RemovedByUser})
			sum.add(e.usesOf(id), len(r.Key)+len(r.Value), entry)
		}
		if dry || len(meant) == 0 {
			continue
		}
		if err := e.forgetBatch(meant); err != nil {
			return err
		}
	}
	return nil
}

func (sum *Forgotten) add(uses keyspace.Uses, size int, entry *keyspace.Entry) {
	sum.Entries++
	sum.Uses += uses.Count
	if sum.Bytes += int64(size); uses.Worth.Known {
		sum.Bytes += int64(uses.Worth.Bytes) - int64(size)
	}
	if uses.Worth.Pinned {
		sum.Pinned++
	}
	if entry != nil {
		sum.Cost += entry.Cost
		sum.Saved += entry.Cost * time.Duration(uses.Count)
	}
}

func (e *Engine) forgetBatch(meant []victim) error {
	e.changing.Lock()
	defer e.changing.Unlock()
	var c change
	for _, v := range meant {
		value, err := e.store.Get(keyspace.EntryKey(v.id))
		switch {
		case errors.Is(err, ErrNotFound): // it went meanwhile
			continue
		case errors.Is(err, ErrCorrupt): // it goes by its key
		case err != nil:
			return err
		}
		c.remove(e, v.id, value, v.cause)
		if err := c.stripMarksOf(e, v.id, value); err != nil {
			return err
		}
	}
	if len(c.mutations) == 0 {
		return nil
	}
	_, err := e.applyLocked(&c)
	return err
}
