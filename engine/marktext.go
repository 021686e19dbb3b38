package engine

import (
	"bytes"
	"strings"
	"time"

	"github.com/kvasir-cache/kvasir/internal/keyspace"
)

// retiredGone stands for the entry that a mark retired, where its bytes may not be kept any longer. The mark still
// says that it did.
var retiredGone = []byte{0}

// bare is a mark without any text. Its key still says which pair never serves.
func bare(w *keyspace.Wrong) *keyspace.Wrong {
	b := &keyspace.Wrong{When: w.When, Entry: w.Entry}
	if w.Retired != nil {
		b.Retired = retiredGone
	}
	return b
}

func isBare(w *keyspace.Wrong) bool {
	return w.Prompt == "" && w.Asked == "" && (w.Retired == nil || bytes.Equal(w.Retired, retiredGone))
}

// retiredEntry is the entry that a mark retired, or nil.
func retiredEntry(w *keyspace.Wrong) *keyspace.Entry {
	entry, err := keyspace.DecodeEntry(keyspace.EntryKey(w.Entry), w.Retired)
	if err != nil {
		return nil
	}
	return entry
}

// stripMarks takes the text out of marks whose keys begin with prefix and that are meant, and returns how many.
func (c *change) stripMarks(e *Engine, prefix []byte, meant func(w *keyspace.Wrong) bool) (n int, err error) {
	return c.eachMark(e, prefix, func(w *keyspace.Wrong) *keyspace.Wrong {
		if isBare(w) || !meant(w) {
			return nil
		}
		return bare(w)
	})
}

// stripMarksOf takes the text out of all marks of an entry that is removed.
func (c *change) stripMarksOf(e *Engine, id keyspace.ID, value []byte) error {
	entry, err := keyspace.DecodeEntry(keyspace.EntryKey(id), value)
	if err != nil {
		return nil // nobody knows its marks
	}
	_, err = c.stripMarks(e, keyspace.WrongEntryPrefix(entry.Namespace, entry.Exact), func(*keyspace.Wrong) bool { return true })
	return err
}

// eachMark puts what f returns in the place of marks, but where it returns nil. Marks that are damaged it leaves
// to a check.
func (c *change) eachMark(e *Engine, prefix []byte, f func(w *keyspace.Wrong) *keyspace.Wrong) (n int, err error) {
	if !e.hasWrong() {
		return 0, nil
	}
	for row, err := range e.store.Walk(prefix) {
		if err != nil {
			return n, err
		}
		w, err := keyspace.DecodeWrong(row.Key, row.Value)
		if err != nil {
			continue
		}
		if w = f(w); w != nil {
			key := bytes.Clone(row.Key)
			c.set(key, keyspace.EncodeWrong(key, w))
			c.count(marked, 1)
			n++
		}
	}
	return n, nil
}

// changeMarks applies what f adds to a change, if it adds anything.
func (e *Engine) changeMarks(f func(c *change) error) error {
	e.changing.Lock()
	defer e.changing.Unlock()
	var c change
	if err := f(&c); err != nil || len(c.mutations) == 0 {
		return err
	}
	_, err := e.applyLocked(&c)
	return err
}

// forgetMarks takes the text out of the marks that a filter means: by their texts, or by the entry they retired.
func (e *Engine) forgetMarks(f *Filter) error {
	now := e.options.Now()
	return e.changeMarks(func(c *change) error {
		_, err := c.stripMarks(e, keyspace.WrongPrefix(), func(w *keyspace.Wrong) bool { return f.meansMark(w, now) })
		return err
	})
}

func (f *Filter) meansMark(w *keyspace.Wrong, now time.Time) bool {
	if entry := retiredEntry(w); entry != nil && f.matches(entry, now) {
		return true
	}
	return f.Topic == "" && f.Tag == "" && f.Model == "" && // of which a mark knows nothing
		(strings.Contains(w.Prompt, f.Prompt) || strings.Contains(w.Asked, f.Prompt)) &&
		(f.OlderThan <= 0 || now.Sub(moment(w.When)) > f.OlderThan)
}

// expireRetired drops entries that were retired and whose time is over. What was said of them stays.
func (e *Engine) expireRetired() error {
	return e.changeMarks(func(c *change) error {
		_, err := c.eachMark(e, keyspace.WrongPrefix(), func(w *keyspace.Wrong) *keyspace.Wrong {
			if entry := retiredEntry(w); entry == nil || !e.expired(entry) {
				return nil
			}
			w.Retired, w.Uses = retiredGone, nil
			return w
		})
		return err
	})
}
