package meter_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/kvasir-cache/kvasir/internal/wasmhost/meter"
)

var (
	errBudget = errors.New("steps spent")
	errDepth  = errors.New("calls nest too deep")
)

// guest is one instance with the host side of the counters: what a real host does, in small.
type guest struct {
	t      testing.TB
	mod    api.Module
	steps  api.MutableGlobal // nil without metering
	depth  api.MutableGlobal
	budget int64 // of one call
	slice  int64 // most steps between two ticks
	given  int64 // what steps was last set to
	used   int64 // by the call, before what was given
	ticks  int
	funcs  map[string]api.Function // kept, as each lookup makes a stack of its own
}

const plenty = 1 << 50

// start compiles and instantiates a module, rewritten or not, in a runtime of its own.
func start(t testing.TB, wasm []byte) *guest {
	t.Helper()
	g, err := tryStart(t, wasm, wazero.NewRuntimeConfig())
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func tryStart(t testing.TB, wasm []byte, config wazero.RuntimeConfig) (*guest, error) {
	t.Helper()
	ctx := context.Background()
	rt := wazero.NewRuntimeWithConfig(ctx, config)
	t.Cleanup(func() { rt.Close(ctx) })
	g := &guest{t: t, budget: plenty, slice: 20000, funcs: map[string]api.Function{}}
	wasi_snapshot_preview1.MustInstantiate(ctx, rt)
	twice := func(_ context.Context, n int32) int32 { return 2 * n }
	_, err := rt.NewHostModuleBuilder("env").NewFunctionBuilder().WithFunc(twice).Export("twice").Instantiate(ctx)
	if err != nil {
		t.Fatal(err)
	}
	_, err = rt.NewHostModuleBuilder(meter.TickModule).NewFunctionBuilder().
		WithGoFunction(api.GoFunc(g.tick), nil, nil).Export(meter.TickName).Instantiate(ctx)
	if err != nil {
		t.Fatal(err)
	}
	compiled, err := rt.CompileModule(ctx, wasm)
	if err != nil {
		return nil, err
	}
	g.mod, err = rt.InstantiateModule(ctx, compiled,
		wazero.NewModuleConfig().WithName("").WithStartFunctions())
	if err != nil {
		return nil, err
	}
	g.steps, _ = g.mod.ExportedGlobal(meter.StepsGlobal).(api.MutableGlobal)
	g.depth, _ = g.mod.ExportedGlobal(meter.DepthGlobal).(api.MutableGlobal)
	if g.mod.ExportedFunction("_initialize") != nil {
		g.must("_initialize")
	}
	return g, nil
}

func (g *guest) tick(context.Context, []uint64) {
	g.ticks++
	if int64(g.depth.Get()) < 0 {
		panic(errDepth)
	}
	g.used = g.usedNow()
	if g.used > g.budget {
		panic(errBudget)
	}
	g.give(g.budget - g.used)
}

// give sets the counter to what is left or to a slice of it.
func (g *guest) give(left int64) {
	g.given = min(left, g.slice)
	g.steps.Set(uint64(g.given))
}

func (g *guest) usedNow() int64 { return g.used + g.given - int64(g.steps.Get()) }

func (g *guest) call(name string, args ...uint64) ([]uint64, error) {
	g.t.Helper()
	f := g.funcs[name]
	if f == nil {
		if f = g.mod.ExportedFunction(name); f == nil {
			g.t.Fatalf("there is no export %q", name)
		}
		g.funcs[name] = f
	}
	if g.steps != nil {
		g.used, g.ticks = 0, 0
		g.give(g.budget)
		g.depth.Set(4096)
	}
	return f.Call(context.Background(), args...)
}

// must calls and returns the results.
func (g *guest) must(name string, args ...uint64) []uint64 {
	g.t.Helper()
	results, err := g.call(name, args...)
	if err != nil {
		g.t.Fatalf("%s%v: %v", name, args, err)
	}
	return results
}

// charged calls and returns the steps it cost.
func (g *guest) charged(name string, args ...uint64) int64 {
	g.t.Helper()
	g.must(name, args...)
	return g.usedNow()
}

func (g *guest) get(global string) uint64 { return g.mod.ExportedGlobal(global).Get() }

func (g *guest) set(global string, value uint64) {
	g.mod.ExportedGlobal(global).(api.MutableGlobal).Set(value)
}

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	wasm, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return wasm
}

func rewrite(t testing.TB, wasm []byte) []byte {
	t.Helper()
	out, _, err := meter.Rewrite(wasm, meter.Limits{})
	if err != nil {
		t.Fatalf("rewriting: %v", err)
	}
	return out
}
