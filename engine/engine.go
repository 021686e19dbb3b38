package engine

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/fingerprint"
	"github.com/kvasir-cache/kvasir/internal/keyspace"
	"github.com/kvasir-cache/kvasir/internal/seal"
	"github.com/kvasir-cache/kvasir/internal/store"
)

// Engine is an open cache. Its methods may be called from many goroutines.
type Engine struct {
	options Options
	store   *store.Store
	salts   *fingerprint.Salts
	totals  totals
	uses    uses
	flights flights
	ledger  ledger
	keeping keeping
	door    door
	history history

	matching matching
	states   *states

	closing  chan struct{} // closed by Close
	counting sync.WaitGroup
	close    func() error

	// changing is held while entries come and go, so that the keys of an entry and the counts agree.
	changing sync.Mutex
}

// Sentinels of the store that callers branch on with errors.Is. ErrNotFound is also that of an id of no
// entry.
var (
	ErrNotFound = store.ErrNotFound
	ErrClosed   = store.ErrClosed
	ErrLocked   = store.ErrLocked
	ErrNewer    = store.ErrNewer
	ErrCorrupt  = store.ErrCorrupt
	ErrFull     = store.ErrFull
	ErrReadOnly = store.ErrReadOnly
	ErrSealed   = store.ErrSealed
	ErrPlain    = store.ErrPlain
	ErrKey      = store.ErrKey
	ErrMoving   = store.ErrMoving
)

// Open opens the cache, making it if it is not there. Errors are those of package store: ErrLocked
// when another process has it, ErrNewer, ErrCorrupt, ErrFull, ErrReadOnly, with hints.
func Open(o Options) (*Engine, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	e := &Engine{options: o, closing: make(chan struct{})}
	e.keeping.kick, e.keeping.hurry = make(chan struct{}, 1), make(chan struct{}, 1)
	e.keeping.mu.shares = sharesOf(o.Shares)
	e.flights.refreshed = e.countRefresh
	e.close = sync.OnceValue(e.closeOnce)
	e.store, err = store.Open(store.Options{
		Dir: o.Dir, Memory: o.Dir == "", Key: o.Key, MustExist: o.MustExist, FlushInterval: o.FlushInterval,
		Logger: o.Logger, Now: o.Now, Random: o.Random, Disk: o.disk,
	})
	if err != nil {
		return nil, err
	}
	if err := e.begin(); err != nil {
		return nil, errors.Join(err, e.store.Close())
	}
	e.counting.Go(e.keepCounts)
	e.keeping.running.Go(e.keep)
	e.states.start()
	return e, nil
}

func (e *Engine) begin() (err error) {
	if e.salts, err = openSalts(e.options, e.store.Sealed()); err != nil {
		return err
	}
	if e.states, err = newStates(e); err != nil {
		return err
	}
	damaged, err := e.totals.read(e.store)
	if err == nil && damaged {
		e.failed("open", fmt.Errorf("%w: a count was damaged and begins anew", store.ErrCorrupt))
		err = e.recount()
	}
	e.history.begin(e.options.Now(), e.totals.snapshot())
	if err == nil {
		e.takeHits()
	}
	return err
}

// recount counts the entries there are, and what they take.
func (e *Engine) recount() error {
	var there room
	for r, err := range e.store.Walk(keyspace.EntryPrefix()) {
		if err != nil {
			return err
		}
		there.entries++
		if id, err := keyspace.ParseEntryKey(r.Key); err == nil {
			there.bytes += int64(e.storedUses(id).Worth.Bytes)
		}
	}
	e.totals.add(entries, there.entries-e.totals.get(entries))
	e.totals.add(entryBytes, there.bytes-e.totals.get(entryBytes))
	return nil
}

// openSalts keeps the salts beside the store, sealed as it is, or in memory with it.
func openSalts(o Options, box *seal.Box) (*fingerprint.Salts, error) {
	switch {
	case o.Dir == "" || o.disk != nil:
		return fingerprint.NewSalts(o.Random), nil
	case box != nil:
		return fingerprint.OpenSealedSalts(filepath.Clean(o.Dir), o.Random, box)
	}
	return fingerprint.OpenSalts(filepath.Clean(o.Dir), o.Random)
}

// Close waits for inferences that Serve began and for writes under way, and closes the store. What
// was remembered is acknowledged when Close returns nil. It is safe to call twice.
func (e *Engine) Close() error { return e.close() }

func (e *Engine) closeOnce() error {
	e.flights.close()
	close(e.closing)
	e.counting.Wait()
	e.keeping.running.Wait()
	e.matching.filling.wait()
	e.states.close()
	_ = e.storeCounts(false) // told
	return e.store.Close()
}

var _ io.Closer = (*Engine)(nil)

// keys are what a query is stored under.
type keys struct {
	canonical fingerprint.Canonical
	namespace fingerprint.ID
	exact     fingerprint.ID
	account   uint32 // of the tenant
}

func (k *keys) index() []byte {
	return keyspace.ExactKey(keyspace.Hash(k.namespace), keyspace.Hash(k.exact))
}

func (e *Engine) keysOf(q *Query) (*keys, error) {
	c, err := fingerprint.Canonicalize(q.Request)
	if err != nil {
		return nil, err
	}
	salt, err := e.salts.Salt(q.Tenant)
	if err != nil {
		return nil, err
	}
	k := &keys{canonical: c, namespace: fingerprint.Namespace(salt, q.Model, c), account: accountName(q.Tenant)}
	k.exact = fingerprint.ExactKey(salt, k.namespace, c.Subject)
	return k, nil
}

// bypasses says why a request is not the cache's business, or nothing.
func (e *Engine) bypasses(r *base.Request) string {
	if r.Sampling.Temperature > 0 && r.Sampling.Seed == nil && !e.options.ServeSampled {
		return "the request draws its answer without a seed, so asking again is to give another one"
	}
	return ""
}

// failed counts and reports a failure of the store that the caller does not see.
func (e *Engine) failed(during string, err error) {
	e.totals.add(failures, 1)
	e.report(during, err)
}

// report tells of a failure that the caller does not see.
func (e *Engine) report(during string, err error) {
	e.options.Logger.Error("cache failure", "during", during, "error", err)
	e.tell(during, err)
}

// tell tells the listener of a failure.
func (e *Engine) tell(during string, err error) {
	if e.options.Events.Failed != nil {
		e.options.Events.Failed(FailureInfo{During: during, Err: err})
	}
}
