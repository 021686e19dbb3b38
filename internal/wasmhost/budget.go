package wasmhost

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"time"

	"github.com/tetratelabs/wazero/api"

	"github.com/kvasir-cache/kvasir/hostapi"
)

const (
	// slice is how many steps a guest makes before it asks for more: about 165 µs, in which the Go
	// scheduler cannot interrupt it.
	slice = 20_000
	// wallPerStep is 20 times what a step takes on an idle machine. Steps are what counts; time only
	// bounds the damage where they take much longer than they should.
	wallPerStep = 165 * time.Nanosecond
	// callDepth is how many calls of a guest may nest.
	callDepth = 4096

	scoreFactor = 5  // scoring a lookup has this many times the steps of a normalize or hook call
	initFactor  = 20 // and starting an instance this many: a Go guest needs milliseconds
)

// budget counts the steps of one call. The guest counts down a slice in a global of its own and asks for
// the next one; host functions charge for their work here.
type budget struct {
	counter, depth api.MutableGlobal // the guest's

	total int64 // what the call may use
	left  int64 // of that, what is not in the guest's counter; below zero when host functions took from it

	unchecked int64 // steps charged by host functions since the clock was last looked at
	wall      time.Duration
	started   time.Time // when the clock was first looked at, at the end of the first slice
}

// begin gives a call its steps.
func (b *budget) begin(steps uint64) {
	b.total = int64(min(steps, math.MaxInt64))
	b.wall = wallTime(b.total)
	b.started = time.Time{}
	b.unchecked = 0
	b.depth.Set(callDepth)
	b.give(b.total)
}

func wallTime(steps int64) time.Duration { return time.Duration(steps) * wallPerStep }

// give puts a slice of rest steps into the guest's counter.
func (b *budget) give(rest int64) {
	n := min(rest, slice)
	b.left = rest - n
	b.counter.Set(uint64(n))
}

func (b *budget) rest() int64 { return b.left + int64(b.counter.Get()) }

// used returns how many steps the call has made.
func (b *budget) used() uint64 { return uint64(max(b.total-b.rest(), 0)) }

// tick is called by the guest when its counter is below zero or its calls nest too deep. It panics with
// the fault that ends the call, or lets whoever waits for the processor run and gives the guest the next
// slice.
func (b *budget) tick(ctx context.Context) {
	if int64(b.depth.Get()) < 0 {
		panic(faultf(hostapi.ErrTrap, "more than %d calls nest", callDepth))
	}
	rest := b.rest()
	if rest < 0 {
		panic(b.spent())
	}
	b.check(ctx)
	runtime.Gosched() // else timers and the network wait until the scheduler takes the processor away: 10 ms
	b.give(rest)
}

// charge takes steps for what a host function is about to do. It panics if there are not so many.
func (b *budget) charge(ctx context.Context, steps uint64) {
	n := int64(min(steps, maxSteps))
	b.left -= n
	if b.left < 0 && b.rest() < 0 {
		panic(b.spent())
	}
	if b.unchecked += n; b.unchecked >= slice {
		b.unchecked = 0
		b.check(ctx)
	}
}

func (b *budget) spent() *fault {
	return faultf(hostapi.ErrBudget, "it made all of its %d steps", b.total)
}

// check panics if the caller no longer waits or the call takes far too long.
func (b *budget) check(ctx context.Context) {
	if err := ctx.Err(); err != nil {
		panic(&fault{reason: hostapi.ErrBudget, text: "the caller did not wait for it", cause: err})
	}
	if b.started.IsZero() {
		b.started = time.Now()
		return
	}
	if taken := time.Since(b.started); taken > b.wall {
		panic(&fault{reason: hostapi.ErrBudget, wall: true,
			text: "it took longer than " + b.wall.String() + ", after " + percent(b.used(), b.total) + " of its steps"})
	}
}

func percent(part uint64, whole int64) string {
	if whole <= 0 {
		return "all"
	}
	return fmt.Sprintf("%.0f%%", 100*float64(part)/float64(whole))
}
