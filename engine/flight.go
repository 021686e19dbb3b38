package engine

import (
	"context"
	"strings"
	"sync"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// infer computes an answer, as base.Host.Generate does.
type infer func(ctx context.Context, emit func(base.Chunk) error) (*base.Result, error)

// flights lets equal requests that arrive together share one inference. Those that come late get
// what has been said so far and then the rest as it comes. The inference goes on while anybody
// waits for it, whoever began it. If it fails, the one who began it gets the error, and one of the
// others begins anew, unless the error is final.
type flights struct {
	mu struct {
		sync.Mutex
		byKey  map[[32]byte]*flight // under way, or landed while somebody looked; see look
		looks  looks
		closed bool
		ctx    context.Context // of those whom nobody waits for; it ends with close
		end    context.CancelFunc

		refreshing int // inferences that nobody waits for; see refresh
	}
	running   sync.WaitGroup
	refreshed func(error) // told of each refresh that ended by itself
}

// errChanged ends a request that had heard the beginning of an answer whose second try differs.
var errChanged = &base.Error{Sentinel: base.ErrUnavailable, Message: "the answer broke off and came out differently when it was begun again"}

// errStopped ends the requests whose inference went away without a word.
var errStopped = &base.Error{Sentinel: base.ErrUnavailable, Message: "the inference stopped without an answer"}

// share answers a request by the flight of its key, beginning one with run if there is none. It
// reports whether the answer was begun by another request. l is the look that found nothing, and ends here.
func (fs *flights) share(ctx context.Context, l *looking, key [32]byte, run infer, emit func(base.Chunk) error) (r *base.Result, shared bool, err error) {
	heard := listener{emit: emit}
	for {
		f, began := fs.join(l, key, run)
		l.done()
		if f == nil {
			r, err = run(ctx, emit) // the cache is closing
			return r, false, err
		}
		r, err = f.follow(ctx, &heard)
		f.leave()
		if err == nil || began || ctx.Err() != nil || heard.failed || base.IsFinal(err) {
			return r, !began, err
		}
	}
}

// join finds the flight of a key, or begins it. The caller leaves it. After close there is none.
func (fs *flights) join(l *looking, key [32]byte, run infer) (f *flight, began bool) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	return fs.joinLocked(l.landings, key, run)
}

// joinLocked joins what is under way, and what landed after the landings given.
func (fs *flights) joinLocked(landings uint64, key [32]byte, run infer) (f *flight, began bool) {
	if fs.mu.closed {
		return nil, false
	}
	if f := fs.mu.byKey[key]; f != nil && (f.landing == 0 || landings < f.landing) && f.enter() {
		return f, false
	}
	f = newFlight()
	if fs.mu.byKey == nil {
		fs.mu.byKey = map[[32]byte]*flight{}
	}
	fs.mu.byKey[key] = f
	fs.running.Go(func() {
		r, err := (*base.Result)(nil), error(errStopped)
		defer func() { // also if run leaves its goroutine
			fs.landed(key, f, err)
			f.land(r, err)
		}()
		r, err = run(f.ctx, f.add)
	})
	return f, true
}

// close begins no more flights and waits for those under way.
func (fs *flights) close() {
	fs.mu.Lock()
	if fs.mu.end != nil {
		fs.mu.end()
	}
	fs.mu.closed = true
	fs.mu.Unlock()
	fs.running.Wait()
}

// flight is one inference and those who wait for it.
type flight struct {
	ctx    context.Context // ends when nobody waits any more
	cancel context.CancelFunc

	landing uint64 // its number in the order of landings, or 0; the lock of flights guards it

	mu struct {
		sync.Mutex
		waiting int
		chunks  []base.Chunk
		landed  bool
		result  *base.Result
		err     error
		changed chan struct{} // closed at the next change of the above
	}
}

// newFlight returns a flight that one caller waits for.
func newFlight() *flight {
	f := &flight{}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	f.mu.waiting = 1
	f.mu.changed = make(chan struct{})
	return f
}

// enter adds a caller; it reports false if all others have left a flight under way, which is ending then. The lock of
// flights is held.
func (f *flight) enter() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.mu.waiting == 0 && f.landing == 0 {
		return false
	}
	f.mu.waiting++
	return true
}

func (f *flight) leave() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.mu.waiting--; f.mu.waiting == 0 {
		f.cancel()
	}
}

// add appends a chunk for all who wait. It is the emit of the inference and never fails.
func (f *flight) add(c base.Chunk) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mu.chunks = append(f.mu.chunks, c)
	f.announceLocked()
	return nil
}

func (f *flight) land(r *base.Result, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mu.landed, f.mu.result, f.mu.err = true, r, err
	f.announceLocked()
}

func (f *flight) announceLocked() {
	close(f.mu.changed)
	f.mu.changed = make(chan struct{})
}

// follow passes chunks on until the flight lands, ctx ends or the listener fails.
func (f *flight) follow(ctx context.Context, to *listener) (*base.Result, error) {
	to.restart()
	for next := 0; ; {
		f.mu.Lock()
		chunks, changed := f.mu.chunks[next:], f.mu.changed
		landed, result, err := f.mu.landed, f.mu.result, f.mu.err
		f.mu.Unlock()
		for _, c := range chunks {
			if err := to.hear(c); err != nil {
				return nil, err
			}
		}
		next += len(chunks)
		if landed {
			if err == nil && to.repeat != "" { // it ended before it had said what was heard
				to.failed, err = true, errChanged
			}
			return result, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// listener is a caller's end of a stream that may break off and begin anew. What the caller heard
// before is not said twice; the tokens of a chunk that was partly heard are left out.
type listener struct {
	emit   func(base.Chunk) error
	said   strings.Builder // all text given to emit
	repeat string          // the part of it that this try has yet to repeat
	failed bool            // emit failed, or the tries differ
}

func (l *listener) restart() { l.repeat = l.said.String() }

func (l *listener) hear(c base.Chunk) error {
	known := min(len(l.repeat), len(c.Text))
	if c.Text[:known] != l.repeat[:known] {
		l.failed = true
		return errChanged
	}
	l.repeat = l.repeat[known:]
	if known > 0 {
		c = base.Chunk{Text: c.Text[known:]}
	}
	l.said.WriteString(c.Text)
	if err := l.emit(c); err != nil {
		l.failed = true
		return err
	}
	return nil
}
