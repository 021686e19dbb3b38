package meter_test

import "testing"

func TestCharges(t *testing.T) {
	fibCalls := func(n int) int64 { // calls that fib(n) makes, itself included
		a, b := int64(1), int64(1)
		for range n {
			a, b = b, a+b+1
		}
		return a
	}
	for _, c := range []struct {
		fixture, export string
		args            []uint64
		want            int64
	}{
		{"calls.wasm", "leaf", []uint64{1}, 1},
		{"calls.wasm", "fib", []uint64{15}, fibCalls(15)},
		{"calls.wasm", "down", []uint64{100}, 101},
		{"calls.wasm", "host", []uint64{1}, 1 + 2},           // itself and two calls of the host
		{"calls.wasm", "indirect", []uint64{2, 1}, 2},        // itself and leaf
		{"loop.wasm", "count", []uint64{1000}, 1 + 1001},     // the last time round leaves
		{"loop.wasm", "hash", []uint64{60, 3}, 1 + 3 + 3*60}, // two loops
		{"bulk.wasm", "fill", []uint64{0}, 2},
		{"bulk.wasm", "fill", []uint64{127}, 2},
		{"bulk.wasm", "fill", []uint64{128}, 3},
		{"bulk.wasm", "copy", []uint64{65536}, 2 + 512},
		{"bulk.wasm", "init", []uint64{30}, 2},
		{"bulk.wasm", "tfill", []uint64{1000}, 2 + 62},
		{"bulk.wasm", "tcopy", []uint64{512}, 2 + 32},
		{"bulk.wasm", "tinit", []uint64{3}, 2},
		{"bulk.wasm", "tgrow", []uint64{1000}, 2 + 62},
		{"bulk.wasm", "grow", []uint64{0}, 2},
		{"bulk.wasm", "grow", []uint64{5}, 2 + 80},
		{"bulk.wasm", "grow", []uint64{1000}, 2 + 16000}, // fails
		{"bulk.wasm", "filling", []uint64{10}, 1 + 10*(1+1+1562)},
	} {
		g := start(t, rewrite(t, fixture(t, c.fixture)))
		if got := g.charged(c.export, c.args...); got != c.want {
			t.Errorf("%s%v is charged %d steps, not %d", c.export, c.args, got, c.want)
		}
	}
}

func TestCharges_StraightLine(t *testing.T) {
	for n, want := range map[int]int64{0: 1, 200: 1, 511: 1, 512: 2, 1023: 2, 1024: 3, 51200: 101} {
		code := repeat(n/2, 0x41, 0, 0x1a) // i32.const 0, drop
		if n%2 == 1 {
			code = append(code, 0x01)
		}
		wasm := single(cat(code[:len(code):len(code)])...)
		// The end of the function is an instruction too, so what is counted is n+1.
		if n%512 == 511 {
			want++
		}
		if got := start(t, rewrite(t, wasm)).charged("f"); got != want {
			t.Errorf("%d instructions are charged %d steps, not %d", n, got, want)
		}
	}
}

// Code may jump over a place where a charge would stand in straight-line code. What runs is charged
// at least, and twice the longest path at most.
func TestCharges_PathsThatJump(t *testing.T) {
	long := repeat(300, 0x01)
	for name, c := range map[string]struct {
		code          []byte
		runs, longest int64 // instructions each time
	}{
		"over dead code": {cat([]byte{0x02, 0x40}, long, []byte{0x0c, 0}, long, []byte{0x0b}), 302, 302},
		"then":           {cat([]byte{0x41, 1, 0x04, 0x40}, long, []byte{0x05}, long, []byte{0x0b}), 303, 303},
		"else":           {cat([]byte{0x41, 0, 0x04, 0x40}, long, []byte{0x05}, long, []byte{0x0b}), 303, 303},
		"around an if":   {cat(long, []byte{0x41, 0, 0x04, 0x40}, long, []byte{0x0b}), 302, 603},
		"by a table": {cat([]byte{0x02, 0x40, 0x02, 0x40}, long, []byte{0x41, 0, 0x0e, 1, 1, 0, 0x0b},
			long, []byte{0x0b}), 304, 606},
		"if not": {cat([]byte{0x02, 0x40}, long, []byte{0x41, 0, 0x0d, 0}, long, []byte{0x0b}), 604, 604},
	} {
		got := start(t, rewrite(t, single(repeat(10, c.code...)...))).charged("f")
		if least, most := 10*c.runs/512, 2+20*c.longest/512; got < least || got > most {
			t.Errorf("%s: charged %d steps, not %d to %d", name, got, least, most)
		}
	}
}

// A big function around a dispatch loop pays for the cases it takes, not for its length.
func TestCharges_DispatchLoopIsNotOverBilled(t *testing.T) {
	const cases, turns, length = 200, 10000, 60
	code := repeat(cases+1, 0x02, 0x40)
	code = append(code, 0x20, 0, 0x41, 0xc8, 1, 0x70, 0x0e) // local.get 0, 200, rem_u, br_table
	code = append(code, uleb(cases)...)
	for i := range cases + 1 {
		code = append(code, uleb(min(i, cases))...)
	}
	for i := range cases + 1 {
		code = append(code, 0x0b)
		code = append(code, repeat(length, 0x01)...)
		if i < cases {
			code = append(code, 0x0c)
			code = append(code, uleb(cases-1-i)...)
		}
	}
	wasm := module(types(signature([]byte{i32}, nil)), functions(0), exports(exportOf("f", 0, 0)),
		bodies(body(loops(code...)...)))
	got := start(t, rewrite(t, wasm)).charged("f", turns)
	if got < turns*(length+10)/512 || got > turns*13/10 {
		t.Errorf("%d turns through %d cases are charged %d steps", turns, cases, got)
	}
}

// Moving values is work too: a branch that moves a thousand weighs as a thousand instructions.
func TestCharges_ManyValues(t *testing.T) {
	wide := make([]byte, 1000)
	for i := range wide {
		wide[i] = i32
	}
	give := repeat(1000, 0x41, 0)
	wasm := module(
		types(signature(nil, wide), signature(wide, wide), signature(nil, nil)),
		functions(0, 2), exports(exportOf("f", 0, 1)),
		bodies(body(give...), body(cat([]byte{0x10, 0}, repeat(100, 0x02, 1, 0x0c, 0, 0x0b), repeat(1000, 0x1a))...)),
	)
	if got := start(t, rewrite(t, wasm)).charged("f"); got < 100*2000/512 {
		t.Errorf("moving 200,000 values is charged %d steps", got)
	}
}

func TestCharges_Locals(t *testing.T) {
	wasm := func(n int) []byte {
		return module(types(signature(nil, nil)), functions(0), exports(exportOf("f", 0, 0)),
			bodies(bodyWith([][]byte{cat(uleb(n), []byte{i64})}, 0x01)))
	}
	for n, want := range map[int]int64{0: 1, 509: 1, 510: 2, 512: 2} {
		if got := start(t, rewrite(t, wasm(n))).charged("f"); got != want {
			t.Errorf("setting %d locals to zero is charged %d steps, not %d", n, got, want)
		}
	}
}
