package script

import (
	"context"
	"fmt"
	"math"
	"time"

	"go.starlark.net/starlark"

	"github.com/kvasir-cache/kvasir/hostapi"
)

const (
	// checkSteps is how many steps pass between two looks at the context.
	checkSteps = 2000
	// bytesPerStep is how many bytes are walked over, copied or allocated in the time of a step.
	bytesPerStep = 64
	// stepsPerMS is how many steps take a millisecond on an idle machine. A benchmark shows it.
	stepsPerMS = 50_000
	// wallFactor is how many times as long as that a call may take.
	wallFactor = 20
	// maxDepth is how deep values may be nested where they are walked over.
	maxDepth = 64
	// maxBits bounds the size of a number.
	maxBits = 4096
)

// account is what a call may still use. It belongs to one thread.
type account struct {
	ctx    context.Context
	thread *starlark.Thread
	steps  uint64 // limit
	bytes  int64  // left
	lines  int    // of log left
	begun  time.Time
	wall   time.Duration
	ended  *ending // why the thread was cancelled
}

// ending says what of an account was used up.
type ending struct {
	text  string
	wall  bool
	cause error
}

func (e *ending) Error() string { return e.text }

const accountKey = "account"

func accountOf(t *starlark.Thread) *account { return t.Local(accountKey).(*account) }

// begin fills the account for one call.
func (a *account) begin(ctx context.Context, limits hostapi.Limits) {
	a.ctx, a.ended, a.lines = ctx, nil, maxLines
	a.steps = limits.Steps
	a.bytes = int64(min(limits.MemoryBytes, math.MaxInt64/2))
	a.begun, a.wall = time.Now(), wallOf(limits.Steps)
	a.thread.Steps = 0
	a.thread.Uncancel()
	a.thread.SetMaxExecutionSteps(min(checkSteps, a.steps))
}

// wallOf returns how long a call may take: wallFactor times what its steps take on an idle machine, so
// that a busy one never makes a script look faulty.
func wallOf(steps uint64) time.Duration {
	ms := min(steps/stepsPerMS+1, uint64(time.Hour.Milliseconds()))
	return wallFactor * time.Duration(ms) * time.Millisecond
}

// check is called by the interpreter when the steps it was given are used up.
func (a *account) check(*starlark.Thread) {
	if err := a.exceeded(); err != nil {
		a.thread.Cancel(err.Error())
		return
	}
	a.thread.SetMaxExecutionSteps(min(a.thread.Steps+checkSteps, a.steps))
}

// exceeded returns an error if the call may not go on.
func (a *account) exceeded() error {
	switch {
	case a.ended != nil:
	case a.bytes < 0:
		a.ended = &ending{text: "it allocated too much"}
	case a.thread.Steps >= a.steps:
		a.ended = &ending{text: fmt.Sprintf("it made all of its %d steps", a.steps)}
	case a.ctx.Err() != nil:
		a.ended = &ending{text: "the caller did not wait for it", cause: context.Cause(a.ctx)}
	case time.Since(a.begun) > a.wall:
		a.ended = &ending{text: "it took longer than " + a.wall.String(), wall: true}
	default:
		return nil
	}
	return a.ended
}

// work charges for walking over n bytes.
func (a *account) work(n int64) error {
	if n < bytesPerStep {
		return nil
	}
	a.thread.Steps += uint64(n) / bytesPerStep
	if a.thread.Steps >= a.steps {
		return a.exceeded()
	}
	return nil
}

// take charges for allocating n bytes. It must be called before they are.
func (a *account) take(n int64) error {
	a.bytes -= n
	if a.bytes < 0 {
		return a.exceeded()
	}
	return a.work(n)
}

// takeTimes is take of n times size bytes.
func (a *account) takeTimes(n, size int64) error {
	if n > 0 && size > math.MaxInt64/4/n {
		return a.take(math.MaxInt64 / 4)
	}
	return a.take(n * size)
}

// weigh returns about how many bytes the values have, with all that is in them as often as it is in them,
// and charges for the walk. A value that holds itself, is too heavy to walk over or is nested too deep is
// an error.
func (a *account) weigh(values ...starlark.Value) (int64, error) {
	limit := int64(math.MaxInt64 / 4)
	if left := a.steps - min(a.steps, a.thread.Steps); left < math.MaxInt64/4/bytesPerStep {
		limit = int64(left) * bytesPerStep
	}
	s := scale{left: limit}
	for _, v := range values {
		s.put(v, 0)
	}
	if s.deep {
		return 0, fmt.Errorf("the value is nested more than %d deep", maxDepth)
	}
	work := limit - s.left
	if err := a.work(work); err != nil {
		return 0, err
	}
	return work - s.values*visit, nil
}

// scale weighs until no work is left.
type scale struct {
	left   int64
	values int64
	deep   bool
}

const (
	cell    = 16 // bytes of a value in a list
	entry   = 64 // bytes of an entry of a dict or set
	element = 48 // bytes of a number or text that is made while iterating, with its cell
	visit   = 48 // bytes that could be copied while one value is looked at
)

func (s *scale) put(v starlark.Value, depth int) {
	s.left -= cell + visit
	s.values++
	if depth > maxDepth {
		s.deep = true
	}
	if s.left <= 0 || s.deep {
		return
	}
	switch v := v.(type) {
	case starlark.String:
		s.left -= int64(len(v))
	case starlark.Bytes:
		s.left -= int64(len(v))
	case starlark.Int:
		s.left -= int64(bits(v) / 8)
	case starlark.Tuple:
		s.putAll(v.Len(), func(i int) starlark.Value { return v[i] }, depth)
	case *starlark.List:
		s.putAll(v.Len(), v.Index, depth)
	case *starlark.Dict:
		s.putEntries(v, depth)
	case *starlark.Set:
		s.putElements(v, depth)
	case starlark.Sequence: // a range, n-grams: numbers
		s.left -= int64(v.Len()) * element
	}
}

func (s *scale) putAll(n int, at func(int) starlark.Value, depth int) {
	for i := 0; i < n && s.left > 0 && !s.deep; i++ {
		s.put(at(i), depth+1)
	}
}

func (s *scale) putEntries(d *starlark.Dict, depth int) {
	for k, v := range d.Entries() {
		s.left -= entry
		s.put(k, depth+1)
		s.put(v, depth+1)
		if s.left <= 0 || s.deep {
			return
		}
	}
}

func (s *scale) putElements(set *starlark.Set, depth int) {
	for v := range set.Elements() {
		s.left -= entry
		s.put(v, depth+1)
		if s.left <= 0 || s.deep {
			return
		}
	}
}

// bits returns the size of a number that has more than 63.
func bits(i starlark.Int) int {
	if _, ok := i.Int64(); ok {
		return 0
	}
	return i.BigInt().BitLen()
}
