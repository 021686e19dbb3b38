package engine

import (
	"context"
	"sync"
	"time"

	"github.com/kvasir-cache/kvasir/internal/fingerprint"
	"github.com/kvasir-cache/kvasir/internal/keyspace"
	"github.com/kvasir-cache/kvasir/internal/store"
)

// filling gives entries the normal forms of the generations there are now, in the background: after a change
// of normalizers, or where an entry was stored while they could not be loaded.
type filling struct {
	mu      sync.Mutex
	done    map[[16]byte]bool // generations that every entry has, or is being given
	running sync.WaitGroup
	last    chan struct{} // closed when the latest run has ended; nil before the first
}

// fillForms begins to fill generations that are new.
func (e *Engine) fillForms(m *matcher) {
	f := &e.matching.filling
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.done == nil {
		f.done = map[[16]byte]bool{}
	}
	begun := false
	for _, s := range m.strategies {
		if generation := s.Generation(); !f.done[generation] {
			f.done[generation], begun = true, true
		}
	}
	select {
	case <-e.closing:
		return
	default:
	}
	if begun {
		ended := make(chan struct{})
		f.last = ended
		f.running.Go(func() {
			defer close(ended)
			e.fill(m)
		})
	}
}

// wait waits for those under way, which end soon once the engine is closing.
func (f *filling) wait() {
	f.mu.Lock() // nobody begins any more
	defer f.mu.Unlock()
	f.running.Wait()
}

// waitFor waits for the latest run, for so long at most.
func (f *filling) waitFor(ctx context.Context, patience time.Duration) {
	f.mu.Lock()
	last := f.last
	f.mu.Unlock()
	if last == nil {
		return
	}
	select {
	case <-last:
	case <-time.After(patience):
	case <-ctx.Done():
	}
}

// fill goes through all entries once. It stops when the engine closes, and what it did stays done.
func (e *Engine) fill(m *matcher) {
	var from []byte
	for {
		rows, next, err := e.store.Page(keyspace.EntryPrefix(), from, 0)
		if err != nil {
			e.failed("fill normal forms", err)
			return
		}
		for _, row := range rows {
			select {
			case <-e.closing:
				return
			default:
				e.fillRow(m, row)
			}
		}
		if from = next; from == nil {
			return
		}
	}
}

// fillRow gives one entry its forms, unless it has them.
func (e *Engine) fillRow(m *matcher, row store.Row) {
	id, entry, err := decodeRow(row)
	if err != nil || m.complete(entry) || !approximate(entry) {
		return
	}
	forms, sets := e.formsBy(context.Background(), m, entry.Prompt)
	e.changing.Lock()
	defer e.changing.Unlock()
	current, err := e.read(id)
	if err != nil {
		return // it is gone
	}
	var c change
	c.forgetForms(e, id, current)
	current.Forms = forms
	key := keyspace.EntryKey(id)
	c.set(key, keyspace.EncodeEntry(key, current))
	c.indexForms(e, id, current, sets)
	c.count(filled, 1)
	if _, err := e.applyLocked(&c); err != nil {
		e.failed("fill normal forms", err)
	}
}

// complete reports whether an entry has the forms of the generations there are now, and no others.
func (m *matcher) complete(entry *keyspace.Entry) bool {
	generations := map[[16]byte]bool{}
	for _, s := range m.strategies {
		generations[s.Generation()] = true
	}
	for _, form := range entry.Forms {
		if !generations[form.Generation] {
			return false
		}
		delete(generations, form.Generation)
	}
	return len(generations) == 0
}

// approximate reports whether the prompt of an entry is a person's text, which has normal forms.
func approximate(entry *keyspace.Entry) bool {
	r, err := fingerprint.ParseCanonical(entry.Request, entry.Prompt)
	if err != nil {
		return false
	}
	c, err := fingerprint.Canonicalize(r)
	return err == nil && c.Approximate
}
