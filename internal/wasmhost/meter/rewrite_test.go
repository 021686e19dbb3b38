package meter_test

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/kvasir-cache/kvasir/internal/wasmhost/meter"
)

// calls are what the fixtures are asked for, plain and metered.
var calls = []struct {
	fixture, export string
	args            [][]uint64
}{
	{"loop.wasm", "hash", [][]uint64{{1, 1}, {60, 3}}},
	{"loop.wasm", "count", [][]uint64{{0}, {1000}}},
	{"calls.wasm", "fib", [][]uint64{{1}, {15}}},
	{"calls.wasm", "host", [][]uint64{{21}}},
	{"calls.wasm", "indirect", [][]uint64{{0, 10}, {1, 10}, {2, 10}, {3, 2}, {4, 10}}},
	{"calls.wasm", "ways", [][]uint64{{0}, {1}, {2}, {3}, {4}}},
	{"calls.wasm", "ways2", [][]uint64{{1}, {25}, {35}}},
	{"calls.wasm", "swap", [][]uint64{{0, 9}, {3, 9}}},
	{"calls.wasm", "down", [][]uint64{{100}}},
	{"bulk.wasm", "fill", [][]uint64{{0}, {70000}, {262144}, {262145}}},
	{"bulk.wasm", "copy", [][]uint64{{0}, {65536}, {math.MaxUint32}}},
	{"bulk.wasm", "init", [][]uint64{{20}, {31}}},
	{"bulk.wasm", "grow", [][]uint64{{0}, {5}, {100}}},
	{"bulk.wasm", "tfill", [][]uint64{{900}, {1001}}},
	{"bulk.wasm", "tcopy", [][]uint64{{600}, {601}}},
	{"bulk.wasm", "tinit", [][]uint64{{3}, {4}}},
	{"bulk.wasm", "tgrow", [][]uint64{{500}, {501}}},
	{"bulk.wasm", "size", [][]uint64{nil}},
	{"bulk.wasm", "drop", [][]uint64{nil}},
	{"bulk.wasm", "init", [][]uint64{{1}}},
	{"simd.wasm", "mix", [][]uint64{{9}}},
	{"numeric.wasm", "ints", [][]uint64{{0x12345678, 0xfedcba9876543210}, {math.MaxUint32, 0}}},
	{"numeric.wasm", "floats", [][]uint64{{uint64(math.Float32bits(2.5)), math.Float64bits(-1e300)}}},
	{"numeric.wasm", "pick", [][]uint64{{0}, {1}}},
	{"numeric.wasm", "divide", [][]uint64{{7, 2}, {1, 0}, {0x80000000, math.MaxUint32}}},
}

func TestRewrite_LeavesResultsTheSame(t *testing.T) {
	engines := map[string]wazero.RuntimeConfig{
		"compiler": wazero.NewRuntimeConfig(), "interpreter": wazero.NewRuntimeConfigInterpreter()}
	for name, config := range engines {
		pairs := map[string][2]*guest{}
		for _, c := range calls {
			if _, ok := pairs[c.fixture]; !ok {
				pairs[c.fixture] = pair(t, fixture(t, c.fixture), config)
			}
			for _, args := range c.args {
				t.Run(fmt.Sprintf("%s/%s/%s%v", name, c.fixture, c.export, args), func(t *testing.T) {
					sameCall(t, pairs[c.fixture], c.export, args)
				})
			}
		}
	}
}

// pair starts a module plain and metered.
func pair(t testing.TB, wasm []byte, config wazero.RuntimeConfig) [2]*guest {
	t.Helper()
	var both [2]*guest
	for i, w := range [][]byte{wasm, rewrite(t, wasm)} {
		g, err := tryStart(t, w, config)
		if err != nil {
			t.Fatal(err)
		}
		both[i] = g
	}
	return both
}

// sameCall makes a call plain and metered, expects the same of both, and says whether it trapped.
func sameCall(t testing.TB, both [2]*guest, export string, args []uint64) (trapped bool) {
	t.Helper()
	want, wantErr := both[0].call(export, args...)
	got, gotErr := both[1].call(export, args...)
	if !slices.Equal(got, want) || trap(gotErr) != trap(wantErr) {
		t.Fatalf("%s%v: metered %v (%s), plain %v (%s)", export, args, got, trap(gotErr), want, trap(wantErr))
	}
	if wantErr == nil && int64(both[1].depth.Get()) != 4096 {
		t.Fatalf("%s%v: depth is %d after it came back, not 4096", export, args, int64(both[1].depth.Get()))
	}
	if plain, metered := both[0].mod.ExportedMemory("memory"), both[1].mod.ExportedMemory("memory"); plain != nil {
		a, _ := plain.Read(0, plain.Size())
		b, _ := metered.Read(0, metered.Size())
		if !bytes.Equal(a, b) {
			t.Fatalf("%s%v: memory differs", export, args)
		}
	}
	return wantErr != nil
}

// trap is the first line of an error: the trap without the trace.
func trap(err error) string {
	if err == nil {
		return "no trap"
	}
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

func TestRewrite_GoGuest(t *testing.T) {
	both := pair(t, goGuest(t), wazero.NewRuntimeConfig())
	for range 2 {
		sameCall(t, both, "words", []uint64{50})
		sameCall(t, both, "bytes", []uint64{20})
		sameCall(t, both, "recurse", []uint64{500})
	}
	if g := both[1]; g.usedNow() < 500 {
		t.Errorf("500 nested calls were charged %d steps", g.usedNow())
	}
}

// Every kind of element segment, and every other place that names a function.
func TestRewrite_RenumbersFunctions(t *testing.T) {
	answer := func(n byte) []byte { return body(0x41, n) }
	wasm := module(
		types(signature(nil, []byte{i32}), signature([]byte{i32}, []byte{i32})),
		imports(importOf("env", "twice", 0, 1)),
		functions(0, 0, 1, 0),
		tables([]byte{funcref, 0, 10}, []byte{funcref, 0, 10}, []byte{externref, 0, 2}),
		globals([]byte{funcref, 0, 0xd2, 2, 0x0b}),
		exports(exportOf("call", 0, 3), exportOf("init", 0, 4), exportOf("twice", 0, 0), exportOf("second", 0, 2)),
		elements(
			[]byte{0, 0x41, 0, 0x0b, 2, 1, 2},                          // table 0, 0: functions 1, 2
			[]byte{1, 0, 1, 2},                                         // passive: 2
			[]byte{2, 1, 0x41, 0, 0x0b, 0, 1, 1},                       // table 1, 0: 1
			[]byte{3, 0, 1, 3},                                         // declared: 3
			[]byte{4, 0x41, 2, 0x0b, 2, 0xd2, 2, 0x0b, 0xd2, 1, 0x0b},  // table 0, 2: 2, 1
			[]byte{5, funcref, 2, 0xd2, 1, 0x0b, 0xd0, funcref, 0x0b},  // passive: 1, null
			[]byte{6, 1, 0x41, 1, 0x0b, funcref, 1, 0xd2, 2, 0x0b},     // table 1, 1: 2
			[]byte{7, externref, 1, 0xd0, externref, 0x0b},             // declared: null
			[]byte{6, 2, 0x41, 0, 0x0b, externref, 1, 0xd0, 0x6f, 0xb}, // table 2, 0: null
		),
		bodies(
			answer(11), answer(22),
			body(0x20, 0, 0x11, 0, 0), // call_indirect in table 0
			body( // init: copies into table 0 from segments 1 and 5 and from table 1, and stores a ref.func
				0x41, 4, 0x41, 0, 0x41, 1, 0xfc, 12, 1, 0,
				0x41, 5, 0x41, 0, 0x41, 2, 0xfc, 12, 5, 0,
				0x41, 7, 0x41, 0, 0x41, 2, 0xfc, 14, 0, 1,
				0x41, 9, 0xd2, 2, 0x26, 0,
				0x23, 0, 0xd1, // the global holds a function: 0
			),
		),
	)
	both := pair(t, wasm, wazero.NewRuntimeConfig())
	sameCall(t, both, "init", nil)
	for i := range uint64(11) {
		sameCall(t, both, "call", []uint64{i})
	}
	for i, want := range map[uint64]uint64{0: 11, 1: 22, 2: 22, 3: 11, 4: 22, 5: 11, 7: 11, 8: 22, 9: 22} {
		if got := both[1].must("call", i); got[0] != want {
			t.Errorf("entry %d of the table answers %d, not %d", i, got[0], want)
		}
	}
	sameCall(t, both, "twice", []uint64{21})
	sameCall(t, both, "second", nil)
}

// Numbers may be written longer than they need. What the engine sees is always the short form.
func TestRewrite_WritesNumbersInTheirShortestForm(t *testing.T) {
	long := single(0x41, 0x80, 0x00, 0x1a, 0x02, 0x40, 0x0c, 0x80, 0x80, 0x00, 0x0b, 0xfc, 0x8b, 0x00, 0x00)
	short := single(0x41, 0x00, 0x1a, 0x02, 0x40, 0x0c, 0x00, 0x0b, 0xfc, 0x0b, 0x00)
	if got, want := rewrite(t, long), rewrite(t, short); !bytes.Equal(got, want) {
		t.Errorf("rewritten as\n%x, not as\n%x", got, want)
	}
}

func TestRewrite_ClampsMemoryAndTables(t *testing.T) {
	limits := meter.Limits{MemoryPages: 10, TableElements: 1500}
	out, info, err := meter.Rewrite(fixture(t, "bulk.wasm"), limits)
	if err != nil {
		t.Fatal(err)
	}
	if want := (meter.Memory{Min: 4, Max: 10, Clamped: true}); *info.Memory != want {
		t.Errorf("memory is %+v, not %+v", *info.Memory, want)
	}
	want := []meter.Table{{Min: 1000, Max: 1500, Clamped: true}, {Min: 600, Max: 600}}
	if !slices.Equal(info.Tables, want) {
		t.Errorf("tables are %+v, not %+v", info.Tables, want)
	}
	g := start(t, out)
	for _, c := range []struct {
		export    string
		arg, want uint64
	}{{"grow", 7, math.MaxUint32}, {"grow", 6, 4}, {"grow", 1, math.MaxUint32},
		{"tgrow", 501, math.MaxUint32}, {"tgrow", 500, 1000}, {"tgrow", 1, math.MaxUint32}} {
		if got := g.must(c.export, c.arg); got[0] != c.want {
			t.Errorf("%s(%d) is %d, not %d", c.export, c.arg, got[0], c.want)
		}
	}
}

func TestRewrite_NamesNoMemoryMaximum(t *testing.T) {
	_, info, err := meter.Rewrite(single(), meter.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if want := (meter.Memory{Min: 1, Max: 1024, Clamped: true}); *info.Memory != want {
		t.Errorf("memory is %+v, not %+v", *info.Memory, want)
	}
}

func TestRewrite_Describes(t *testing.T) {
	wasm := cat(fixture(t, "calls.wasm"), raw(0, cat(text("producers"), []byte{1, 2, 3})...), raw(0, text("name")...))
	out, info, err := meter.Rewrite(wasm, meter.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(info.Imports), "[{env twice (i32) -> (i32)}]"; got != want {
		t.Errorf("imports are %s, not %s", got, want)
	}
	if e, ok := info.Export("swap"); !ok || e.Kind != meter.KindFunction || e.Type.String() != "(i32, i64) -> (i64, i32)" {
		t.Errorf("export swap is %+v, %v", e, ok)
	}
	if e, ok := info.Export("table"); !ok || e.Kind.String() != "table" {
		t.Errorf("export table is %+v, %v", e, ok)
	}
	if _, ok := info.Export(meter.StepsGlobal); ok {
		t.Error("the counter is named among the guest's exports")
	}
	if info.Functions != 10 || info.Memory != nil {
		t.Errorf("functions %d, memory %v; want 10 and none", info.Functions, info.Memory)
	}
	if got, want := fmt.Sprint(info.Custom), "[{producers [1 2 3]} {name []}]"; got != want {
		t.Errorf("custom sections are %s, not %s", got, want)
	}
	if bytes.Contains(out, []byte("producers")) {
		t.Error("a custom section was kept")
	}
}

func TestRewrite_EmptyModule(t *testing.T) {
	g := start(t, rewrite(t, module()))
	if g.steps == nil || g.depth == nil {
		t.Fatal("the counters are not exported")
	}
	if got := int64(g.depth.Get()); got != 4096 {
		t.Errorf("depth starts at %d, not 4096", got)
	}
}

func TestRewrite_SameBytesEachTime(t *testing.T) {
	wasm := fixture(t, "calls.wasm")
	if !bytes.Equal(rewrite(t, wasm), rewrite(t, wasm)) {
		t.Error("two runs gave different bytes, which a cache could not hold")
	}
}

func TestRewrite_KeepsItsInput(t *testing.T) {
	wasm := fixture(t, "calls.wasm")
	before := slices.Clone(wasm)
	rewrite(t, wasm)
	if !bytes.Equal(wasm, before) {
		t.Error("the module given was changed")
	}
}
