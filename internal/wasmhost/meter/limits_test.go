package meter_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/internal/wasmhost/meter"
)

// stopped calls with a budget and expects the host to end the call near it.
func stopped(t *testing.T, g *guest, budget, over int64, export string, args ...uint64) {
	t.Helper()
	g.budget = budget
	_, err := g.call(export, args...)
	if !errors.Is(err, errBudget) {
		t.Fatalf("%s%v: %v, not %v", export, args, err, errBudget)
	}
	if g.used > budget+over {
		t.Errorf("%s%v: stopped after %d steps, more than %d over its budget of %d", export, args, g.used, over, budget)
	}
}

func TestLimits_EndlessLoop(t *testing.T) {
	stopped(t, start(t, rewrite(t, fixture(t, "loop.wasm"))), 100000, 1, "forever")
}

// Every way to write a loop that does not end.
func TestLimits_EndlessLoops(t *testing.T) {
	for name, code := range map[string][]byte{
		"br":           {0x03, 0x40, 0x0c, 0, 0x0b},
		"br_if":        {0x03, 0x40, 0x41, 1, 0x0d, 0, 0x0b},
		"br_table":     {0x03, 0x40, 0x41, 0, 0x0e, 1, 0, 0, 0x0b, 0x00},
		"from an if":   {0x03, 0x40, 0x41, 1, 0x04, 0x40, 0x0c, 1, 0x0b, 0x0b},
		"from an else": {0x03, 0x40, 0x41, 0, 0x04, 0x40, 0x05, 0x0c, 1, 0x0b, 0x0b},
		"outer":        {0x03, 0x40, 0x03, 0x40, 0x0c, 1, 0x0b, 0x0b},
		"two in turn":  {0x03, 0x40, 0x03, 0x40, 0x41, 0, 0x0d, 0, 0x0b, 0x0c, 0, 0x0b},
		"nested deep":  cat(repeat(200, 0x03, 0x40), []byte{0x0c, 0xc7, 1}, repeat(200, 0x0b)),
		"in a block":   {0x03, 0x40, 0x02, 0x40, 0x0c, 1, 0x0b, 0x0b},
	} {
		t.Run(name, func(t *testing.T) {
			stopped(t, start(t, rewrite(t, single(code...))), 100000, 1, "f")
		})
	}
}

func TestLimits_EndlessCalls(t *testing.T) {
	g := start(t, rewrite(t, fixture(t, "calls.wasm")))
	begin := time.Now()
	if _, err := g.call("endless"); !errors.Is(err, errDepth) {
		t.Fatalf("endless: %v, not %v", err, errDepth)
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}

// Depth counts the calls that nest, the innermost left out if it calls nothing.
func TestLimits_CallDepth(t *testing.T) {
	wasm, _, err := meter.Rewrite(fixture(t, "calls.wasm"), meter.Limits{CallDepth: 10})
	if err != nil {
		t.Fatal(err)
	}
	g := start(t, wasm)
	if got := int64(g.depth.Get()); got != 10 {
		t.Errorf("depth starts at %d, not 10", got)
	}
	for n, want := range map[uint64]error{9: nil, 10: errDepth} {
		g.depth.Set(10)
		g.used = 0
		g.give(plenty)
		if _, err := g.mod.ExportedFunction("down").Call(t.Context(), n); !errors.Is(err, want) {
			t.Errorf("down(%d), which nests %d calls: %v, not %v", n, n+1, err, want)
		}
	}
	full := start(t, rewrite(t, fixture(t, "calls.wasm")))
	if got := full.must("down", 4095); got[0] != 4095 {
		t.Errorf("down(4095) is %d", got[0])
	}
	if _, err := full.call("down", 4096); !errors.Is(err, errDepth) {
		t.Errorf("down(4096): %v, not %v", err, errDepth)
	}
}

// Whatever way a function is left, its depth is given back.
func TestLimits_DepthComesBack(t *testing.T) {
	g := start(t, rewrite(t, fixture(t, "calls.wasm")))
	for _, export := range []string{"fib", "ways", "ways2", "down", "host"} {
		for n := uint64(1); n < 12; n++ {
			if export == "ways2" && n > 3 {
				continue
			}
			g.must(export, n)
			if got := int64(g.depth.Get()); got != 4096 {
				t.Fatalf("%s(%d) left the depth at %d", export, n, got)
			}
		}
	}
}

func TestLimits_IndirectRecursion(t *testing.T) {
	// f calls itself through a table.
	wasm := module(types(signature(nil, nil)), functions(0), tables([]byte{funcref, 0, 1}),
		exports(exportOf("f", 0, 0)), elements([]byte{0, 0x41, 0, 0x0b, 1, 0}),
		bodies(body(0x41, 0, 0x11, 0, 0)))
	if _, err := start(t, rewrite(t, wasm)).call("f"); !errors.Is(err, errDepth) {
		t.Errorf("%v, not %v", err, errDepth)
	}
}

func TestLimits_StraightLine(t *testing.T) {
	// A hundred thousand instructions, and no loop or call.
	g := start(t, rewrite(t, single(repeat(50000, 0x41, 0, 0x1a)...)))
	if got := g.charged("f"); got != 1+100000/512 {
		t.Errorf("charged %d steps, not %d", got, 1+100000/512)
	}
	stopped(t, g, 100, 1, "f")
}

func TestLimits_FillingMemory(t *testing.T) {
	stopped(t, start(t, rewrite(t, fixture(t, "bulk.wasm"))), 10000, 1+1562, "filling", 1<<31)
}

// A length larger than memory is charged before it traps, and cannot wrap the counter.
func TestLimits_LongestFill(t *testing.T) {
	stopped(t, start(t, rewrite(t, fixture(t, "bulk.wasm"))), 1000, 1<<25+1, "fill", 1<<32-1)
}

func TestLimits_GrowingMemory(t *testing.T) {
	// Asks for a page again and again, whether it gets one or not.
	wasm := module(types(signature([]byte{i32}, nil)), functions(0), memories([]byte{0, 1}),
		exports(exportOf("f", 0, 0)), bodies(body(loops(0x41, 1, 0x40, 0, 0x1a)...)))
	g := start(t, rewrite(t, wasm))
	if got := g.charged("f", 100); got != 1+100*(1+17) {
		t.Errorf("growing by 100 pages is charged %d steps, not %d", got, 1+100*(1+17))
	}
	stopped(t, g, 10000, 18, "f", 1<<31)
}

func TestLimits_TicksComeInTime(t *testing.T) {
	g := start(t, rewrite(t, fixture(t, "loop.wasm")))
	g.must("count", 1000000)
	if want := 1000000 / 20000; g.ticks < want-1 || g.ticks > want+1 {
		t.Errorf("a million steps brought %d ticks, not %d", g.ticks, want)
	}
}

// A module whose host never sets the counters asks at its first call.
func TestLimits_StartsWithNoSteps(t *testing.T) {
	g := start(t, rewrite(t, fixture(t, "loop.wasm")))
	if got := int64(g.steps.Get()); got != 0 {
		t.Errorf("a fresh instance has %d steps", got)
	}
	g.budget = -1
	if _, err := g.mod.ExportedFunction("count").Call(t.Context(), 0); !errors.Is(err, errBudget) {
		t.Errorf("%v, not %v", err, errBudget)
	}
}

func TestLimits_OfLimits(t *testing.T) {
	_, _, err := meter.Rewrite(single(), meter.Limits{MemoryPages: 1 << 17, CallDepth: -1, MaxLocals: -1})
	if err == nil {
		t.Fatal("limits beyond reason were taken")
	}
	for _, name := range []string{"MemoryPages", "CallDepth", "MaxLocals"} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("%q does not name %s", err, name)
		}
	}
}
