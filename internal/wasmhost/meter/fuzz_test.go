package meter_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/kvasir-cache/kvasir/internal/wasmhost/meter"
)

// FuzzRewrite checks that no bytes make the pass panic or allocate out of proportion, and that the
// engine takes what comes out whenever it takes what went in.
func FuzzRewrite(f *testing.F) {
	paths, err := filepath.Glob(filepath.Join("testdata", "*.wasm"))
	if err != nil || len(paths) == 0 {
		f.Fatalf("%d fixtures, %v", len(paths), err)
	}
	for _, path := range paths {
		wasm, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(wasm)
	}
	for _, c := range refusals {
		if len(c.wasm) < 1000 {
			f.Add(c.wasm)
		}
	}
	f.Fuzz(func(t *testing.T, wasm []byte) {
		var out []byte
		var err error
		allocated := measure(func() { out, _, err = meter.Rewrite(wasm, meter.Limits{}) })
		if limit := uint64(1<<20 + 200*len(wasm)); allocated > limit {
			t.Fatalf("%d bytes made the pass allocate %d", len(wasm), allocated)
		}
		var e *meter.Error
		if err != nil && !errors.As(err, &e) {
			t.Fatalf("%v is a %T", err, err)
		}
		if err != nil || compile(wasm) != nil {
			return
		}
		if err := compile(out); err != nil {
			t.Fatalf("rewritten, it does not compile: %v\n%x", err, out)
		}
		if _, _, err := meter.Rewrite(out, meter.Limits{}); !errors.Is(err, meter.ErrUnsupported) {
			t.Fatalf("rewritten twice: %v", err)
		}
	})
}

// measure returns how many bytes f allocated.
func measure(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// compile says whether the engine takes a module. A panic of the engine is an error too.
func compile(wasm []byte) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the engine panicked: %v", p)
		}
	}()
	ctx := context.Background()
	rt := wazero.NewRuntime(ctx)
	defer rt.Close(ctx)
	_, err = rt.CompileModule(ctx, wasm)
	return err
}

// FuzzRun checks that a program does the same with and without metering, and that it is charged for
// what it executes.
func FuzzRun(f *testing.F) {
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 30 {
		program := make([]byte, 20+20*i)
		for k := range program {
			program[k] = byte(random.Uint32())
		}
		f.Add(program, random.Uint64())
	}
	f.Fuzz(func(t *testing.T, program []byte, seed uint64) {
		both := pair(t, programModule(program), wazero.NewRuntimeConfig())
		for i := range programParams {
			sameProgramCall(t, both, i, programArgs(i, seed))
		}
	})
}

// sameProgramCall calls function i of a program both ways. It returns how many instructions were
// executed, or zero after a trap.
func sameProgramCall(t *testing.T, both [2]*guest, i int, args []uint64) int64 {
	t.Helper()
	for _, g := range both {
		g.set("fuel", programFuel)
		g.set("count", 0)
	}
	name := fmt.Sprintf("f%d", i)
	trapped := sameCall(t, both, name, args)
	for _, global := range []string{"fuel", "count", "scratch"} {
		if want, got := both[0].get(global), both[1].get(global); got != want {
			t.Fatalf("%s%v: global %s is %d metered and %d plain", name, args, global, got, want)
		}
	}
	if trapped { // and the count includes what would have come after
		return 0
	}
	executed, charged := int64(both[1].get("count")), both[1].usedNow()
	if charged < executed/512 {
		t.Fatalf("%s%v: %d instructions were charged %d steps", name, args, executed, charged)
	}
	return executed
}

// The programs FuzzRun makes are worth running: most calls of most of them do something and end.
func TestPrograms(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	ended, long := 0, 0
	const programs = 100
	for range programs {
		in := make([]byte, 50+random.IntN(600))
		for k := range in {
			in[k] = byte(random.Uint32())
		}
		both := pair(t, programModule(in), wazero.NewRuntimeConfig())
		for i := range programParams {
			executed := sameProgramCall(t, both, i, programArgs(i, random.Uint64()))
			if executed > 0 {
				ended++
			}
			if executed > 1000 {
				long++
			}
		}
	}
	t.Logf("%d of %d calls ended without a trap, %d after more than 1,000 instructions", ended, 4*programs, long)
	if ended < programs || long < programs/20 {
		t.Errorf("%d of %d calls ended without a trap, %d of them long: too few to say much", ended, 4*programs, long)
	}
}
