package meter_test

import "encoding/binary"

// program makes valid modules from arbitrary bytes, for comparing a module with its rewritten self.
// Every module ends by itself: entries and loops take from a global and trap when it is empty. And
// it counts the instructions it executes in another, so that charges can be held against them.
type program struct {
	in     []byte
	code   []byte
	labels [][]byte // types a branch to each open block takes, outermost first
	result []byte
	nest   int // values within values
	room   int // instructions that may still be written
	mark   int // where the count of the running segment stands in code
	count  int // of the running segment
}

// Globals of a program.
const (
	gFuel, gCount, gScratch = 0, 1, 2
)

// Types of a program. The first four are those of its functions.
var programTypes = [][]byte{
	signature([]byte{i32, i64}, []byte{i32}),
	signature([]byte{i32}, []byte{i64, i32}),
	signature([]byte{i64, i64}, nil),
	signature(nil, []byte{i64}),
	signature([]byte{i32}, []byte{i32}),
}

var programParams = [][]byte{{i32, i64}, {i32}, {i64, i64}, {}}
var programResults = [][]byte{{i32}, {i64, i32}, {}, {i64}}

const (
	typeBlock   = 4 // takes and gives an i32
	programFuel = 3000
)

// programModule builds a module with one function of each type, exported as f0 to f3.
func programModule(in []byte) []byte {
	p := &program{}
	var list [][]byte
	for i := range programParams { // each made from a quarter of the input
		p.in = in[i*len(in)/4 : (i+1)*len(in)/4]
		p.room = 4000
		list = append(list, p.function(i))
	}
	return module(
		types(programTypes...), imports(importOf("env", "twice", 0, typeBlock)), functions(0, 1, 2, 3),
		tables([]byte{funcref, 1, 6, 9}), memories([]byte{1, 1, 3}),
		globals(cat([]byte{i32, 1, 0x41}, sleb(programFuel), []byte{0x0b}), []byte{i64, 1, 0x42, 0, 0x0b}, []byte{i64, 1, 0x42, 9, 0x0b}),
		exports(exportOf("f0", 0, 1), exportOf("f1", 0, 2), exportOf("f2", 0, 3), exportOf("f3", 0, 4),
			exportOf("memory", 2, 0), exportOf("fuel", 3, 0), exportOf("count", 3, 1), exportOf("scratch", 3, 2)),
		elements([]byte{0, 0x41, 0, 0x0b, 5, 1, 2, 3, 4, 0}),
		bodies(list...),
		data([]byte{0, 0x41, 0, 0x0b, 4, 1, 2, 3, 4}),
	)
}

// next takes a number below n from the input, and zero once that is used up.
func (p *program) next(n int) int {
	if len(p.in) == 0 {
		return 0
	}
	b := int(p.in[0])
	p.in = p.in[1:]
	return b % n
}

// Locals: the parameters, then two i32 and two i64.
func (p *program) function(i int) []byte {
	p.code, p.result = nil, programResults[i]
	p.labels = [][]byte{p.result}
	params := len(programParams[i])
	p.begin()
	p.burn()
	p.op(0x41, 5)
	p.op(0x21, byte(params))
	for len(p.in) > 0 && p.room > 0 {
		p.open(0x02, 0x40, nil)
		p.statement(params, 0)
		p.close()
	}
	p.values(p.result, params, 0)
	p.finish()
	return bodyWith([][]byte{{2, i32}, {2, i64}}, p.code...)
}

// begin starts a segment: a run of instructions that are executed all or, after a trap, not counted.
func (p *program) begin() {
	p.code = append(p.code, 0x23, gCount, 0x42)
	p.mark = len(p.code)
	p.code = append(p.code, 0, 0, 0, 0, 0x7c, 0x24, gCount)
	p.count = 4
}

func (p *program) finish() {
	n := p.count
	copy(p.code[p.mark:], []byte{byte(n) | 0x80, byte(n>>7) | 0x80, byte(n>>14) | 0x80, 0})
}

func (p *program) op(bytes ...byte) {
	p.code = append(p.code, bytes...)
	p.count++
	p.room--
}

// control writes an instruction after which another may not follow.
func (p *program) control(bytes ...byte) {
	p.op(bytes...)
	p.finish()
	p.begin()
}

func (p *program) open(op byte, blockType byte, label []byte) {
	p.control(op, blockType)
	p.labels = append(p.labels, label)
	if op == 0x03 {
		p.burn()
	}
}

func (p *program) close() {
	p.labels = p.labels[:len(p.labels)-1]
	p.control(0x0b)
}

// burn takes one from the fuel, or traps.
func (p *program) burn() {
	p.op(0x23, gFuel)
	p.op(0x45)
	p.control(0x04, 0x40)
	p.control(0x00)
	p.control(0x0b)
	p.op(0x23, gFuel)
	p.op(0x41, 1)
	p.op(0x6b)
	p.op(0x24, gFuel)
}

func (p *program) values(types []byte, params, depth int) {
	for _, t := range types {
		p.value(t, params, depth)
	}
}

// local picks a declared local of that type.
func (p *program) local(t byte, params int) byte {
	n := params + p.next(2)
	if t == i64 {
		n += 2
	}
	return byte(n)
}

// statement writes code that leaves the stack as it is.
func (p *program) statement(params, depth int) {
	choice := p.next(20)
	if depth > 5 || p.room < 0 {
		choice %= 3
	}
	inner := func(n int) {
		for range n {
			p.statement(params, depth+1)
		}
	}
	switch choice {
	case 0:
		p.value(i32, params, depth+1)
		p.op(0x21, p.local(i32, params))
	case 1:
		p.value(i64, params, depth+1)
		p.op(0x21, p.local(i64, params))
	case 2:
		p.value(i64, params, depth+1)
		p.op(0x24, gScratch)
	case 3:
		p.address(params, depth+1)
		p.value(i32, params, depth+1)
		p.op(0x36, 2, 0)
	case 4:
		p.open(0x02, 0x40, nil)
		inner(1 + p.next(3))
		p.close()
	case 5, 16, 17, 18:
		p.open(0x03, 0x40, nil)
		inner(1 + p.next(3))
		p.again(params, depth+1)
		p.close()
	case 6:
		p.value(i32, params, depth+1)
		p.open(0x04, 0x40, nil)
		inner(1 + p.next(2))
		if p.next(2) == 0 {
			p.control(0x05)
			inner(1 + p.next(2))
		}
		p.close()
	case 7, 8:
		p.branch(params, depth+1)
	case 9:
		p.table(params, depth+1)
	case 10:
		p.leave(params, depth+1)
	case 11:
		p.address(params, depth+1)
		p.value(i32, params, depth+1)
		p.length(params, depth+1)
		p.op(0xfc, 11, 0)
	case 12:
		p.address(params, depth+1)
		p.address(params, depth+1)
		p.length(params, depth+1)
		p.op(0xfc, 10, 0, 0)
	case 13, 19:
		for range 40 * p.next(16) {
			p.code = append(p.code, 0x01)
			p.count++
		}
	case 14:
		p.values([]byte{i64, i64}, params, depth+1)
		p.op(0x10, 3)
	case 15:
		p.value(i32, params, depth+1)
		p.open(0x02, typeBlock, []byte{i32})
		p.op(0x45)
		inner(1)
		p.close()
		p.op(0x1a)
	}
}

// again repeats the innermost block, a loop, up to eight times or as a value says.
func (p *program) again(params, depth int) {
	if p.next(4) == 0 {
		p.value(i32, params, depth)
		p.control(0x0d, 0)
		return
	}
	n := p.local(i32, params)
	p.op(0x20, n)
	p.op(0x41, 1)
	p.op(0x6b)
	p.op(0x22, n)
	p.op(0x41, 7)
	p.op(0x71)
	p.control(0x0d, 0)
}

// leave returns, mostly only if a value says so.
func (p *program) leave(params, depth int) {
	if p.next(8) == 1 {
		p.values(p.result, params, depth)
		p.control(0x0f)
		return
	}
	p.value(i32, params, depth)
	p.op(0x41, 3)
	p.op(0x46)
	p.open(0x04, 0x40, nil)
	p.values(p.result, params, depth)
	p.control(0x0f)
	p.close()
}

// branch goes to a label, always or if a value says so.
func (p *program) branch(params, depth int) {
	to := min(p.next(len(p.labels)), p.next(len(p.labels))) // rather near than far
	label := p.labels[len(p.labels)-1-to]
	p.values(label, params, depth)
	if p.next(4) == 1 {
		p.control(0x0c, byte(to))
		return
	}
	p.value(i32, params, depth)
	p.control(0x0d, byte(to))
	for range label {
		p.op(0x1a)
	}
}

// table goes to one of the labels that take what the outermost chosen one takes.
func (p *program) table(params, depth int) {
	last := min(p.next(len(p.labels)), p.next(len(p.labels)))
	want := string(p.labels[len(p.labels)-1-last])
	var list []byte
	for to := range p.labels {
		if string(p.labels[len(p.labels)-1-to]) == want && len(list) < 5 {
			list = append(list, byte(to))
		}
	}
	p.values([]byte(want), params, depth)
	p.value(i32, params, depth)
	p.control(cat([]byte{0x0e}, uleb(len(list)), list, []byte{byte(last)})...)
}

// address writes an i32 that mostly lies in memory.
func (p *program) address(params, depth int) {
	p.value(i32, params, depth)
	p.op(0x41, 0xff, 0xff, 0)
	p.op(0x71)
}

func (p *program) length(params, depth int) {
	p.value(i32, params, depth)
	if p.next(32) > 0 {
		p.op(0x41, 0xff, 0xff, 0)
		p.op(0x71)
	}
}

// value writes code that leaves one value.
func (p *program) value(t byte, params, depth int) {
	p.nest++
	defer func() { p.nest-- }()
	choice := p.next(12)
	if p.nest > 3 || depth > 8 || p.room < 0 {
		choice %= 2
	}
	deeper := func(types ...byte) { p.values(types, params, depth+1) }
	switch choice {
	case 0:
		p.constant(t)
	case 1:
		p.op(0x20, p.local(t, params))
	case 2:
		deeper(t, t)
		p.binary(t)
	case 3:
		p.address(params, depth+1)
		if t == i32 {
			p.op(0x28, 2, 4)
		} else {
			p.op(0x29, 3, 0)
		}
	case 4:
		deeper(i32)
		p.open(0x04, t, []byte{t})
		p.statement(params, depth+1)
		deeper(t)
		p.control(0x05)
		deeper(t)
		p.close()
	case 5:
		p.open(0x02, t, []byte{t})
		p.statement(params, depth+1)
		deeper(t)
		p.close()
	case 6:
		p.open(0x03, t, nil)
		p.statement(params, depth+1)
		deeper(t)
		p.close()
	case 7:
		p.called(t, deeper)
	case 8:
		deeper(t, t, i32)
		p.op(0x1b)
	case 9:
		p.convert(t, deeper)
	case 10:
		deeper(t)
		p.op(0x22, p.local(t, params))
	case 11:
		p.special(t)
	}
}

func (p *program) constant(t byte) {
	n := int64(p.next(256)) << p.next(56)
	if t == i32 {
		p.op(cat([]byte{0x41}, sleb(int64(int32(n))))...)
		return
	}
	p.op(cat([]byte{0x42}, sleb(n))...)
}

// binary writes add, sub, mul, and, or, xor, shl or a division, mostly by what is not zero.
func (p *program) binary(t byte) {
	n := p.next(10)
	if n >= 7 && p.next(8) > 0 {
		if t == i32 {
			p.op(0x41, 1)
			p.op(0x72)
		} else {
			p.op(0x42, 1)
			p.op(0x84)
		}
	}
	if t == i32 {
		p.op([]byte{0x6a, 0x6b, 0x6c, 0x71, 0x72, 0x73, 0x74, 0x6d, 0x6e, 0x6f}[n])
		return
	}
	p.op([]byte{0x7c, 0x7d, 0x7e, 0x83, 0x84, 0x85, 0x86, 0x7f, 0x80, 0x81}[n])
}

func (p *program) called(t byte, deeper func(...byte)) {
	switch {
	case t == i64 && p.next(2) == 0:
		p.op(0x10, 4)
	case t == i64:
		deeper(i32)
		p.op(0x10, 2)
		p.op(0x1a)
	case p.next(3) == 0:
		deeper(i32)
		p.op(0x10, 0)
	case p.next(2) == 0:
		deeper(i32, i64)
		p.op(0x10, 1)
	default: // through the table, where some of the entries are of another type
		deeper(i32, i64, i32)
		p.op(0x41, []byte{0, 0, 0, 3}[p.next(4)])
		p.op(0x71)
		p.op(0x11, 0, 0)
	}
}

func (p *program) convert(t byte, deeper func(...byte)) {
	if t == i32 {
		deeper(i64)
		p.op([]byte{0xa7, 0x50}[p.next(2)]) // wrap, eqz
		return
	}
	deeper(i32)
	switch p.next(3) {
	case 0:
		p.op(0xac)
	case 1: // through a float
		p.op(0xb7)
		p.op(0xfc, 6)
	case 2: // through a vector
		p.op(0xfd, 17)
		p.op(cat([]byte{0xfd, 12}, make([]byte, 16))...)
		p.op(0xfd, 0xae, 1)
		p.op(0xfd, 29, 1)
	}
}

func (p *program) special(t byte) {
	switch {
	case t == i64:
		p.op(0x23, gScratch)
	case p.next(3) == 0:
		p.op(0x41, byte(p.next(3)))
		p.op(0x40, 0)
	case p.next(2) == 0:
		p.op(0xd2, byte(p.next(5)))
		p.op(0xd1)
	default:
		p.op(0x3f, 0)
	}
}

// programArgs are arguments for the function i, from a few bytes.
func programArgs(i int, seed uint64) []uint64 {
	args := make([]uint64, len(programParams[i]))
	for k, t := range programParams[i] {
		args[k] = seed >> (8 * k)
		if t == i32 {
			args[k] = uint64(binary.LittleEndian.Uint32(binary.LittleEndian.AppendUint64(nil, args[k])))
		}
	}
	return args
}
