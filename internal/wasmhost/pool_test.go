package wasmhost

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/hostapi"
)

// Many goroutines share a plugin that has good and bad days.
func TestPool_Hammer(t *testing.T) {
	p := loadFixture(t, "hostile", func(o *Options) { o.Instances = 4; o.Limits.Steps = 50_000 })
	deadline := time.Now().Add(150 * time.Millisecond)
	var callers sync.WaitGroup
	var calls atomic.Uint64
	start := make(chan struct{})
	for n := range 16 {
		callers.Go(func() {
			<-start
			for i := 0; time.Now().Before(deadline); i++ {
				calls.Add(1)
				text := fmt.Sprintf("is it %d of %d", i, n)
				if got, err := p.Normalize(t.Context(), text); got != text && !errors.Is(err, hostapi.ErrBusy) {
					t.Errorf("Normalize(%q): %q, %v", text, got, err)
				}
				if bad := misdeeds[(i+n)%len(misdeeds)]; i%7 == 0 && bad.text[0] != 'b' {
					calls.Add(1)
					if _, err := p.Normalize(t.Context(), bad.text); bad.want != nil && err == nil {
						t.Errorf("%s: no error", bad.text)
					}
				}
			}
		})
	}
	close(start)
	callers.Wait()
	s := p.Stats()
	if s.Calls != calls.Load() || s.Instances > 4 || s.Discarded == 0 || s.Started-s.Discarded-s.Recycled != uint64(s.Instances) {
		t.Errorf("after %d calls stats are %+v", calls.Load(), s)
	}
}

func TestPool_WaitEnds(t *testing.T) {
	p := loadFixture(t, "hostile", func(o *Options) { o.Instances = 1; o.Limits.Steps = 100_000 }) // 16 ms
	in, err := p.begin(t.Context(), hostapi.RoleNormalize, p.steps)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := p.Normalize(ctx, "x"); !errors.Is(err, hostapi.ErrBusy) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("with a deadline: %v", err)
	}
	if _, err := p.Normalize(t.Context(), "x"); !errors.Is(err, hostapi.ErrBusy) {
		t.Errorf("without one: %v", err)
	}
	if s := p.Stats(); s.Failures.Busy != 1 || s.Cancelled != 1 {
		t.Errorf("stats are %+v, want a busy and a cancelled call", s)
	}

	got := make(chan error)
	go func() { _, err := p.Score(context.Background(), "q", []string{"c"}); got <- err }()
	for len(p.waiters()) == 0 {
		runtime.Gosched()
	}
	p.end(in, hostapi.RoleNormalize, nil)
	if err := <-got; err != nil {
		t.Errorf("the call that waited: %v", err)
	}
}

func (p *Plugin) waiters() []chan turn {
	p.pool.mu.Lock()
	defer p.pool.mu.Unlock()
	return p.pool.mu.waiters
}

func TestPool_CloseWaitsForCalls(t *testing.T) {
	p := loadFixture(t, "hostile", func(o *Options) { o.Instances = 1; o.Limits.Steps = 100 * DefaultSteps })
	in, err := p.begin(t.Context(), hostapi.RoleNormalize, p.steps)
	if err != nil {
		t.Fatal(err)
	}
	waited := make(chan error)
	go func() { _, err := p.Normalize(context.Background(), "x"); waited <- err }()
	for len(p.waiters()) == 0 {
		runtime.Gosched()
	}
	closed := make(chan error)
	go func() { closed <- p.Close() }()
	if err := <-waited; !errors.Is(err, hostapi.ErrClosed) {
		t.Errorf("a call that waited: %v", err)
	}
	select {
	case <-closed:
		t.Error("Close came back during a call")
	case <-time.After(5 * time.Millisecond):
	}
	if out, err := in.guest.normalize("is it still there"); out != "is it still there" || err != nil {
		t.Errorf("the call under way: %q, %v", out, err)
	}
	if err := p.end(in, hostapi.RoleNormalize, nil); err != nil {
		t.Error(err)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

func TestPool_ReplacesWhatIsWorn(t *testing.T) {
	p := loadFixture(t, "hostile", func(o *Options) { o.Instances = 1 })
	p.Normalize(t.Context(), "Growth up to the limit")
	if s := p.Stats(); s.Recycled != 1 || s.Memory <= DefaultMemory/2 {
		t.Errorf("after growing: %+v, want the instance replaced", s)
	}
	in, err := p.begin(t.Context(), hostapi.RoleNormalize, p.steps)
	if err != nil {
		t.Fatal(err)
	}
	in.calls = maxCalls + 1
	p.end(in, hostapi.RoleNormalize, nil)
	if s := p.Stats(); s.Recycled != 2 || s.Instances != 0 {
		t.Errorf("after %d calls: %+v, want the instance replaced", maxCalls, s)
	}
}

func TestPool_KeepsAGuestThatBeganLarge(t *testing.T) {
	p := loadFixture(t, "hostile", func(o *Options) { o.Instances = 1; o.Limits.MemoryBytes = 5 << 20 }) // it begins with 4 MiB
	for range 3 {
		p.Normalize(t.Context(), "idle")
	}
	if s := p.Stats(); s.Started != 1 || s.Recycled != 0 {
		t.Errorf("stats are %+v, want one instance", s)
	}
}

// A plugin is replaced 1,000 times while it is in use. No call fails, and nothing stays behind.
func TestReload_UnderLoad(t *testing.T) {
	rounds := 1000
	if testing.Short() {
		rounds = 100
	}
	r := openRuntime(t)
	modules := [][]byte{fixture(t, "basic"), fixture(t, "hostile"), fixture(t, "lines")}
	var current atomic.Pointer[Plugin]
	load := func(i int) *Plugin {
		p, err := loadModule(t, r, modules[i%len(modules)])
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	current.Store(load(0))
	stop := make(chan struct{})
	var callers sync.WaitGroup
	for range 2 {
		callers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				_, err := current.Load().Normalize(context.Background(), "idle")
				for errors.Is(err, hostapi.ErrClosed) { // it was replaced in between
					_, err = current.Load().Normalize(context.Background(), "idle")
				}
				if err != nil {
					t.Errorf("a call during a reload: %v", err)
				}
				time.Sleep(50 * time.Microsecond)
			}
		})
	}
	var after100 uint64
	for i := 1; i <= rounds; i++ {
		old := current.Swap(load(i))
		if err := old.Close(); err != nil {
			t.Fatal(err)
		}
		if i == rounds/10 {
			after100 = heap()
		}
	}
	close(stop)
	callers.Wait()
	current.Load().Close()
	if now := heap(); now > after100+4<<20 {
		t.Errorf("the heap grew from %d to %d bytes in %d reloads", after100, now, rounds-rounds/10)
	}
}

func heap() uint64 {
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
