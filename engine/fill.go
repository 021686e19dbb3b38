package engine

import (
	"context"
	"maps"
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
	done    map[[16]byte]bool // generations of the latest run
	failed  time.Time         // when an entry was left without its forms; zero if none was
	running sync.WaitGroup
	last    chan struct{} // closed when the latest run has ended; nil before the first
}

// fillRetry is how long after a run that failed for some entries the next one may begin.
const fillRetry = 30 * time.Second

// fillForms begins to fill if the generations are others than those of the last run, or if that one is to be
// done again.
func (e *Engine) fillForms(m *matcher) {
	f := &e.matching.filling
	f.mu.Lock()
	defer f.mu.Unlock()
	now := m.generations()
	if maps.Equal(now, f.done) && (f.failed.IsZero() || time.Since(f.failed) < fillRetry) {
		return
	}
	select {
	case <-e.closing:
		return
	default:
	}
	if !f.idle() {
		return // one run at a time; the next lookup asks again
	}
	ended := make(chan struct{})
	f.done, f.failed, f.last = now, time.Time{}, ended
	f.running.Go(func() {
		defer close(ended)
		if !e.fill(m) {
			f.again()
		}
	})
}

// idle reports whether no run goes on. The caller holds f.mu.
func (f *filling) idle() bool {
	select {
	case <-f.last:
		return true
	default:
		return f.last == nil
	}
}

// anew makes the next lookup begin another run, since entries came without their forms.
func (f *filling) anew() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.done = nil
}

// again lets a later lookup begin another run.
func (f *filling) again() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failed = time.Now()
}

// generations returns the generations of the strategies as they are now.
func (m *matcher) generations() map[[16]byte]bool {
	now := map[[16]byte]bool{}
	for _, s := range m.strategies {
		now[s.Generation()] = true
	}
	return now
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

// fill goes through all entries once, and reports whether every one has its forms now. It stops when the
// engine closes, and what it did stays done.
func (e *Engine) fill(m *matcher) (whole bool) {
	whole = true
	var from []byte
	for {
		rows, next, err := e.store.Page(keyspace.EntryPrefix(), from, 0)
		if err != nil {
			e.failed("fill normal forms", err)
			return false
		}
		for _, row := range rows {
			select {
			case <-e.closing:
				return true
			default:
			}
			if err := e.fillRow(m, row); err != nil {
				e.options.Logger.Warn("an entry goes without its normal form for now", "error", err)
				whole = false
			}
		}
		if from = next; from == nil {
			return whole
		}
	}
}

// fillRow gives one entry its forms, unless it has them. If one cannot be made, the entry stays as it is.
func (e *Engine) fillRow(m *matcher, row store.Row) error {
	id, entry, err := decodeRow(row)
	if err != nil || m.complete(entry) || !approximate(entry) {
		return nil // a damaged one is found when it is looked up
	}
	forms, signatures, err := m.formsOf(context.Background(), entry.Prompt)
	if err != nil {
		return err
	}
	e.changing.Lock()
	defer e.changing.Unlock()
	current, err := e.read(id)
	if err != nil {
		return nil // it is gone
	}
	c := change{account: e.storedUses(id).Worth.Account}
	c.forgetForms(e, id, current)
	current.Forms = forms
	key := keyspace.EntryKey(id)
	value := keyspace.EncodeEntry(key, current)
	c.set(key, value)
	c.indexForms(e, id, current, signatures)
	c.resize(e, id, entrySize(len(value), signatures))
	c.count(filled, 1)
	if _, err = e.applyLocked(&c); err == nil {
		e.wakeIfOver() // forms take room
	}
	return err
}

// complete reports whether an entry has the forms of the generations there are now, and no others.
func (m *matcher) complete(entry *keyspace.Entry) bool {
	missing := m.generations()
	for _, form := range entry.Forms {
		if !missing[form.Generation] {
			return false
		}
		delete(missing, form.Generation)
	}
	return len(missing) == 0
}

// approximate reports whether the prompt of an entry is a person's text, which has normal forms.
func approximate(entry *keyspace.Entry) bool {
	r, err := fingerprint.ParseCanonical(entry.Request, entry.Prompt)
	if err != nil {
		return false
	}
	c, err := fingerprint.Canonicalize(r)
	return err == nil && (&keys{canonical: c}).hasForm()
}
