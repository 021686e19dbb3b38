package wasmhost

import (
	"context"
	"errors"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/kvasir-cache/kvasir/hostapi"
	"github.com/kvasir-cache/kvasir/internal/wasmhost/meter"
)

// guest is what a profile makes of an instance. Its methods are called one at a time, each with the
// instance's budget set. What they return shares no memory with the guest. Where they fail, the error is
// a *fault or what the engine says of a trap.
type guest interface {
	init(about *hostapi.Init) (manifest []byte, err error)
	normalize(text string) (string, error)
	features(texts []string) ([][]uint64, error)
	score(query string, candidates []string) ([]float32, error)
	hook(r hostapi.Role, event []byte) (*hostapi.Decision, error)
	explain(query, candidate string) (*hostapi.Explanation, error)
	close() // ends what init began; the module is closed after it
}

// instance is one running guest. One goroutine has it at a time.
//
// It is the context that its functions are called with: so host functions find it without a search, and
// the engine, which asks every context for values it does not hold, gets a quick answer.
type instance struct {
	plugin *Plugin
	module api.Module
	memory api.Memory
	guest  guest
	budget budget
	caller context.Context // of the call under way

	said    string   // what error_set was told in this call
	output  tail     // the last of what it wrote to standard error or output
	chance  uint64   // state of the numbers that WASI's random_get gives
	gram    []uint64 // reused by host functions, as are
	texts   []string
	calls   int       // since it began
	begun   time.Time // when the call under way began, if it is timed
	retired bool      // it is not to be used again
	initial uint64    // its size when it began
}

// Deadline, Done, Err and Value make an instance a context.Context.
func (in *instance) Deadline() (time.Time, bool) { return in.caller.Deadline() }
func (in *instance) Done() <-chan struct{}       { return in.caller.Done() }
func (in *instance) Err() error                  { return in.caller.Err() }
func (in *instance) Value(any) any               { return nil }

var _ context.Context = (*instance)(nil)

// withMemory is the context in which modules are instantiated.
var withMemory = experimental.WithMemoryAllocator(context.Background(), reserve)

// start makes an instance and runs what a plugin does at its beginning. The returned manifest is as the
// guest wrote it.
func (p *Plugin) start(ctx context.Context) (*instance, []byte, error) {
	in := &instance{plugin: p, caller: ctx}
	config := wazero.NewModuleConfig().WithName("").WithStartFunctions()
	module, err := p.runtime.engine.InstantiateModule(withMemory, p.compiled, config)
	if err != nil {
		return nil, nil, faultf(hostapi.ErrLoad, "it cannot be instantiated: %v", err)
	}
	in.module = module
	in.memory = module.Memory()
	manifest, err := in.begin()
	if err != nil {
		f := in.faultOf(err)
		in.close()
		return nil, nil, f
	}
	in.initial = in.size()
	return in, manifest, nil
}

func (in *instance) begin() (manifest []byte, err error) {
	in.budget.counter, err = in.global(meter.StepsGlobal)
	if err != nil {
		return nil, err
	}
	in.budget.depth, err = in.global(meter.DepthGlobal)
	if err != nil {
		return nil, err
	}
	in.guest, err = in.plugin.profile.open(in)
	if err != nil {
		return nil, err
	}
	in.enter(in.caller, initFactor*in.plugin.steps)
	defer in.leave()
	if f := in.module.ExportedFunction(hostapi.ExportInitialize); f != nil {
		if err := f.CallWithStack(in, nil); err != nil {
			return nil, err
		}
	}
	return in.guest.init(&in.plugin.about)
}

// global returns a global that the meter added.
func (in *instance) global(name string) (api.MutableGlobal, error) {
	g, ok := in.module.ExportedGlobal(name).(api.MutableGlobal)
	if !ok {
		return nil, faultf(hostapi.ErrLoad, "the rewritten module has no global %q", name)
	}
	return g, nil
}

// timedCalls is how often a short call is timed: asking for the time twice would take longer than many a
// call does.
const timedCalls = 16

// enter prepares for a call, and leave ends it.
func (in *instance) enter(ctx context.Context, steps uint64) {
	in.caller = ctx
	in.said = ""
	in.output.kept = in.output.kept[:0]
	in.begun = time.Time{}
	if in.calls++; in.calls < timedCalls || in.calls%timedCalls == 0 {
		in.begun = time.Now()
	}
	in.budget.begin(steps)
}

// taken is what the call adds to the time of the plugin. A call of more than a slice is timed from the end of
// its first. Of shorter ones some stand for those that were not timed.
func (in *instance) taken() time.Duration {
	switch {
	case !in.budget.started.IsZero():
		return time.Since(in.budget.started)
	case in.begun.IsZero():
		return 0
	case in.calls < timedCalls:
		return time.Since(in.begun)
	}
	return timedCalls * time.Since(in.begun)
}

// leave lets go of the caller.
func (in *instance) leave() { in.caller = context.Background() }

func (in *instance) close() {
	if in.guest != nil {
		in.guest.close()
	}
	in.module.Close(context.Background())
}

// size is the memory that the guest has, and that the host keeps for it.
func (in *instance) size() uint64 {
	var n uint64
	if in.memory != nil {
		n = uint64(in.memory.Size())
	}
	if e, ok := in.guest.(*extism); ok {
		n += uint64(cap(e.memory.data))
	}
	return n
}

// faultOf says what was wrong with a call, with the guest's own words where it left some.
func (in *instance) faultOf(err error) *fault {
	var f *fault
	if errors.As(err, &f) && f.text != "" && f.reason != hostapi.ErrTrap {
		return f
	}
	f = faultOf(err)
	if f.reason == hostapi.ErrTrap {
		if words := in.words(); words != "" {
			f = &fault{reason: f.reason, text: f.text + "; it said: " + words, cause: f.cause}
		}
	}
	return f
}

// words is what the guest said last, by error_set or on standard error.
func (in *instance) words() string {
	if in.said != "" {
		return in.said
	}
	return cut(in.output.text(), maxTrapText)
}

// maxKept is how many bytes a buffer of an instance may have to be used again.
const maxKept = 1 << 20

// worn reports whether the instance has been used so long, or has grown so large, that a new one is
// better.
func (in *instance) worn() bool {
	return in.calls >= maxCalls || in.size() > max(in.plugin.memoryLimit/2, in.initial)
}

// maxCalls is when an instance is replaced, so that a slow leak in a guest never becomes a failure.
const maxCalls = 50_000

// read returns n bytes of the guest's memory at ptr. They are the guest's: they change with its next step,
// and memory that grows leaves them behind.
func (in *instance) read(what string, ptr, n uint32) ([]byte, error) {
	if n == 0 {
		return nil, nil
	}
	if in.memory == nil {
		return nil, broke("%s: it has no memory", what)
	}
	b, ok := in.memory.Read(ptr, n)
	if !ok {
		return nil, broke("%s: %d bytes at %#x are outside its memory of %d bytes", what, n, ptr, in.memory.Size())
	}
	return b[:n:n], nil
}

// arg is read for host functions, which end the call when a guest names memory that it does not have.
func (in *instance) arg(what string, ptr, n uint64) []byte {
	b, err := in.read(what, uint32(ptr), uint32(n))
	if err != nil {
		panic(err)
	}
	return b
}
