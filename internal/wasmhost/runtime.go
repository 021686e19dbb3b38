package wasmhost

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/kvasir-cache/kvasir/hostapi"
)

// RuntimeOptions say how plugins are compiled.
type RuntimeOptions struct {
	// CacheDir keeps compiled modules, so that a start takes milliseconds where compiling takes a second.
	// It holds machine code: it is made with mode 0700, and refused when others own it. Empty means that
	// nothing is kept.
	CacheDir string
	Logger   *slog.Logger // nil means slog.Default
}

// Runtime compiles and holds the plugins of a process. Its methods may be called from many goroutines.
type Runtime struct {
	engine   wazero.Runtime
	compiled wazero.CompilationCache // nil if nothing is kept
	rewrites rewriteCache
	offers   offers // what can be imported
	logger   *slog.Logger

	jobs chan func() // for the one goroutine that compiles
	done chan struct{}
	quit chan struct{}

	loads sync.WaitGroup // under way; added to under mu, while it is not closed
	mu    struct {
		sync.Mutex
		closed  bool
		plugins map[*Plugin]bool
	}
}

// Open makes a Runtime. The caller closes it.
func Open(ctx context.Context, o RuntimeOptions) (*Runtime, error) {
	r := &Runtime{logger: o.Logger, jobs: make(chan func()), done: make(chan struct{}), quit: make(chan struct{})}
	if r.logger == nil {
		r.logger = slog.Default()
	}
	r.mu.plugins = map[*Plugin]bool{}
	config := wazero.NewRuntimeConfig().WithCoreFeatures(api.CoreFeaturesV2).
		WithDebugInfoEnabled(false).WithMemoryLimitPages(hostapi.MaxMemory >> 16)
	if o.CacheDir != "" {
		if err := ownDir(o.CacheDir); err != nil {
			return nil, fmt.Errorf("cache of compiled plugins: %w", err)
		}
		cache, err := wazero.NewCompilationCacheWithDir(o.CacheDir)
		if err != nil {
			return nil, fmt.Errorf("cache of compiled plugins: %w", err)
		}
		r.compiled, r.rewrites.dir = cache, o.CacheDir
		config = config.WithCompilationCache(cache)
	}
	r.engine = wazero.NewRuntimeWithConfig(ctx, config)
	offers, err := offer(ctx, r.engine)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("host functions: %w", err), r.closeEngine(ctx))
	}
	r.offers = offers
	go r.work()
	return r, nil
}

// work compiles one module at a time, so that a reload of many plugins leaves processors to requests.
func (r *Runtime) work() {
	defer close(r.done)
	for {
		select {
		case job := <-r.jobs:
			job()
		case <-r.quit:
			return
		}
	}
}

// background runs f in the goroutine that compiles and waits for it. If ctx ends first, f still runs to
// its end, and then drop gets what it returned.
func background[T any](ctx context.Context, r *Runtime, f func() (T, error), drop func(T)) (T, error) {
	type outcome struct {
		value T
		err   error
	}
	result := make(chan outcome) // nobody receives after ctx ended
	job := func() {
		v, err := f()
		select {
		case result <- outcome{v, err}:
		case <-ctx.Done():
			if err == nil {
				drop(v)
			}
		}
	}
	var none T
	select {
	case r.jobs <- job:
	case <-ctx.Done():
		return none, ctx.Err()
	}
	select {
	case o := <-result:
		return o.value, o.err
	case <-ctx.Done():
		return none, ctx.Err()
	}
}

var errClosedRuntime = fmt.Errorf("%w: so is its runtime", hostapi.ErrClosed)

// load runs f, which loads a plugin, unless the runtime is closed. Close waits for it.
func (r *Runtime) load(f func() (*Plugin, error)) (*Plugin, error) {
	r.mu.Lock()
	if r.mu.closed {
		r.mu.Unlock()
		return nil, errClosedRuntime
	}
	r.loads.Add(1)
	r.mu.Unlock()
	defer r.loads.Done()
	p, err := f()
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mu.plugins[p] = true
	return p, nil
}

// Close waits for the loads and the calls under way, closes the plugins and then the runtime.
func (r *Runtime) Close() error {
	r.mu.Lock()
	closed := r.mu.closed
	r.mu.closed = true
	r.mu.Unlock()
	if closed {
		<-r.done
		return nil
	}
	r.loads.Wait()
	close(r.quit)
	<-r.done
	r.mu.Lock()
	plugins := maps.Clone(r.mu.plugins)
	r.mu.Unlock()
	var errs []error
	for p := range plugins {
		errs = append(errs, p.Close())
	}
	return errors.Join(append(errs, r.closeEngine(context.Background()))...)
}

func (r *Runtime) closeEngine(ctx context.Context) error {
	err := r.engine.Close(ctx)
	if r.compiled != nil {
		err = errors.Join(err, r.compiled.Close(ctx))
	}
	return err
}

func (r *Runtime) forget(p *Plugin) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.mu.plugins, p)
}
