package meter

import "fmt"

// codeSection writes the bodies of the functions with their charges.
func (m *module) codeSection(r *reader) []byte {
	at := r.pos
	n := r.count("functions", maxFunctions)
	if r.ok() && n != m.info.Functions {
		r.failAt(at, ErrMalformed, hintAgain, "it has %d functions, the function section says %d", n, m.info.Functions)
	}
	out := appendU32(make([]byte, 0, r.left()+r.left()/4), uint32(n))
	b := &body{m: m, r: r, counters: counters{steps: m.steps(), depth: m.depth(), tick: m.tick()}}
	end := r.end
	for i := range n {
		if !r.ok() {
			return nil
		}
		r.item = fmt.Sprintf("function %d", m.imported+i)
		out = b.rewriteSized(out, m.types[m.functions[m.imported+i]], end)
		if r.ok() && len(out) > 2*m.limits.ModuleBytes {
			r.err = tooLong(2 * m.limits.ModuleBytes)
		}
	}
	r.item = ""
	return out
}

// bodiesMatch checks what is only known once all sections were read.
func (m *module) bodiesMatch() error {
	var message string
	switch {
	case m.info.Functions > 0 && m.parts[idCode] == nil:
		message = fmt.Sprintf("%d functions have no code", m.info.Functions)
	case m.hasCount && m.data > 0 && m.parts[idData] == nil:
		message = fmt.Sprintf("%d data segments are missing", m.data)
	default:
		return nil
	}
	return &Error{Reason: ErrMalformed, Message: "the module is cut off: " + message, Hint: hintAgain}
}

// body rewrites one function after the other. Its buffers are used again.
type body struct {
	m *module
	r *reader
	counters
	pending

	out    []byte // the code so far, charges included
	whole  []byte // locals, entry, code and exit
	labels []uint32
	typ    FuncType
	locals int  // parameters and declared locals
	calls  bool // it calls functions of the module
	temp   bool // it needs a local for a size

	blocks, charges, count int // how many, the last of instructions
	effort                 int // of all functions so far; see maxEffort
}

// rewriteSized reads the length of a body and the body, and appends both rewritten.
func (b *body) rewriteSized(to []byte, t FuncType, end int) []byte {
	r := b.r
	at := r.pos
	n := r.u32()
	switch {
	case !r.ok():
		return to
	case int64(n) > int64(r.left()):
		r.failAt(at, ErrMalformed, hintAgain, "%d bytes are claimed, %d are left", n, r.left())
		return to
	case int64(n) > int64(b.m.limits.BodyBytes):
		r.failAt(at, ErrLimit, "split the function", "its code has %s, more than %s", size(int(n)), size(b.m.limits.BodyBytes))
		return to
	}
	r.end = r.pos + int(n)
	b.rewrite(t)
	r.end = end
	return appendSized(to, b.whole)
}

func (b *body) rewrite(t FuncType) {
	b.typ, b.calls, b.temp = t, false, false
	b.blocks, b.charges, b.count = 0, 0, 0
	b.out, b.whole, b.frames = b.out[:0], b.whole[:0], b.frames[:0]
	groups := b.readLocals()
	declared := b.locals - len(t.Params)
	b.now = declared % stepWeight // they are set to zero on entry
	b.open(opBlock, 0, len(t.Results))
	for b.r.ok() && len(b.frames) > 0 {
		b.instruction()
		b.count++
	}
	if b.r.ok() && b.r.left() > 0 {
		b.r.malformed("%d bytes follow its end", b.r.left())
	}
	if b.effort += effort(b.blocks, b.charges, b.count); b.effort > maxEffort {
		b.r.fail(ErrLimit, "split the function", "with this function, the module would take too long to compile: "+
			"it has %d instructions, %d blocks and %d charges", b.count, b.blocks, b.charges)
	}
	if b.r.ok() {
		b.join(groups, 1+declared/stepWeight)
	}
}

// join puts the function together. One that calls others gets a block around its code, whose label
// takes the place of the function's: every way out then leads past the block's end, where the depth
// is given back. A function that calls none adds one frame at most, so its depth is not counted.
func (b *body) join(groups []group, steps int) {
	if b.temp {
		groups = append(groups, group{1, I32})
	}
	out := appendU32(b.whole, uint32(len(groups)))
	for _, g := range groups {
		out = append(appendU32(out, g.n), byte(g.typ))
	}
	if !b.calls {
		b.whole = append(b.appendCharge(out, steps), b.out...)
		return
	}
	out = b.appendEntry(out, steps)
	out = b.appendBlockType(append(out, opBlock), b.typ.Results)
	out = append(out, b.out...)
	b.whole = append(b.appendExit(out), opEnd)
}

// appendBlockType appends the type of a block that takes nothing.
func (b *body) appendBlockType(to []byte, results []ValueType) []byte {
	switch len(results) {
	case 0:
		return append(to, blockEmpty)
	case 1:
		return append(to, byte(results[0]))
	}
	return appendSigned(to, int64(b.m.typeIndex(FuncType{Results: results})))
}

// group is a run of locals of one type.
type group struct {
	n   uint32
	typ ValueType
}

func (b *body) readLocals() []group {
	n := b.r.count("groups of locals", 1<<20)
	b.locals = len(b.typ.Params)
	var groups []group
	for range n {
		at := b.r.pos
		g := group{b.r.u32(), b.r.valueType()}
		if b.r.ok() && int64(b.locals)+int64(g.n) > int64(b.m.limits.MaxLocals) {
			b.r.failAt(at, ErrLimit, "split the function, or build it with optimisation",
				"it has more than %d parameters and locals", b.m.limits.MaxLocals)
		}
		if !b.r.ok() {
			return nil
		}
		b.locals += int(g.n)
		if g.n > 0 {
			groups = append(groups, g)
		}
	}
	return groups
}
