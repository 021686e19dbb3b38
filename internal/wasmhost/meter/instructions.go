package meter

// Weights of instructions that do more than most.
const (
	weightHost  = stepWeight // a call of an imported function: one step
	weightLeave = 64         // leaves compiled code, or may call an imported function
)

// instruction reads one instruction and writes it, after the charge that falls due before it.
func (b *body) instruction() {
	at := b.r.pos
	op := b.r.byte()
	switch {
	case !b.r.ok():
	case isPlain(op):
		b.pay(1)
		b.out = append(b.out, op)
	case isMemory(op):
		b.pay(1)
		b.out = append(b.out, op)
		b.memArg()
	case op == opMisc:
		b.misc(at)
	case op == opVector:
		b.vector(at)
	case op >= opBlock && op <= opElse || op == opEnd:
		b.structure(at, op)
	case op == opUnreachable || op >= opBr && op <= opReturn:
		b.jump(op)
	case op == opCall || op == opCallIndirect:
		b.call(op)
	default:
		b.simple(at, op)
	}
}

// pay counts an instruction and writes the charge for what became due.
func (b *body) pay(weight int) {
	if steps := b.add(weight); steps > 0 {
		b.charge(steps)
	}
}

func (b *body) charge(steps int) {
	b.charges++
	b.out = b.appendCharge(b.out, steps)
}

// structure handles what opens, turns and closes blocks.
func (b *body) structure(at int, op byte) {
	switch op {
	case opElse:
		if b.top().op != opIf {
			b.r.failAt(at, ErrMalformed, hintAgain, "an else has no if")
			return
		}
		b.pay(1 + b.top().results)
		b.out = append(b.out, op)
		b.turn()
	case opEnd:
		b.pay(1 + b.top().results)
		b.out = append(b.out, op)
		b.close()
	default:
		b.openBlock(op)
	}
}

func (b *body) openBlock(op byte) {
	var encoded []byte
	t := b.blockType(&encoded)
	if !b.r.ok() {
		return
	}
	b.blocks++
	b.pay(1 + len(t.Params))
	b.out = append(append(b.out, op), encoded...)
	b.open(op, len(t.Params), len(t.Results))
	if op == opLoop && b.reachable() {
		b.charge(1)
	}
}

// blockType reads the type of a block and writes it anew to encoded.
func (b *body) blockType(encoded *[]byte) FuncType {
	at := b.r.pos
	n := b.r.signed(33)
	*encoded = appendSigned(nil, n)
	switch {
	case n >= 0 && n < int64(len(b.m.types)):
		return b.m.types[n]
	case n >= 0:
		b.r.failAt(at, ErrMalformed, hintAgain, "type %d does not exist, there are %d", n, len(b.m.types))
	case n == blockEmpty-0x80:
	case n >= -0x40:
		t := ValueType(n + 0x80)
		if _, known := valueTypeNames[t]; known {
			return FuncType{Results: []ValueType{t}}
		}
		b.r.refuseType(at, byte(t))
	default:
		b.r.failAt(at, ErrMalformed, hintAgain, "block type %d is unknown", n)
	}
	return FuncType{}
}

// jump handles what goes elsewhere.
func (b *body) jump(op byte) {
	switch op {
	case opUnreachable:
		b.pay(1)
		b.out = append(b.out, op)
		b.stop()
	case opReturn: // written as a branch to the outermost label, so that it passes the exit
		b.branchTo(opBr, uint32(len(b.frames)-1))
		b.stop()
	case opBrTable:
		b.branchTable()
		b.stop()
	default:
		b.branchTo(op, b.r.index("label", len(b.frames)))
		if op == opBr {
			b.stop()
		}
	}
}

func (b *body) branchTo(op byte, depth uint32) {
	if !b.r.ok() {
		return
	}
	b.pay(1 + b.label(depth).arity())
	b.out = appendIndexed(b.out, op, depth)
	b.branch(depth)
}

func (b *body) branchTable() {
	n := b.r.count("labels", b.m.limits.BodyBytes)
	b.labels = b.labels[:0]
	most := 0
	for range n + 1 { // and the default
		depth := b.r.index("label", len(b.frames))
		if !b.r.ok() {
			return
		}
		b.labels = append(b.labels, depth)
		most = max(most, b.label(depth).arity())
	}
	b.pay(1 + most)
	b.out = appendIndexed(b.out, opBrTable, uint32(n))
	for _, depth := range b.labels {
		b.out = appendU32(b.out, depth)
		b.branch(depth)
	}
}

func (b *body) call(op byte) {
	if op == opCallIndirect {
		index := b.r.index("type", len(b.m.types))
		table := b.r.index("table", len(b.m.info.Tables))
		if b.r.ok() {
			b.calls = true
			b.pay(weightLeave + b.moved(index))
			b.out = appendU32(appendIndexed(b.out, op, index), table)
		}
		return
	}
	index := b.r.index("function", len(b.m.functions))
	if !b.r.ok() {
		return
	}
	weight := 1
	if int(index) < b.m.imported {
		weight = weightHost
	} else {
		b.calls = true
	}
	b.pay(weight + b.moved(b.m.functions[index]))
	b.out = appendIndexed(b.out, op, b.m.function(index))
}

// moved is how many values a call of that type moves.
func (b *body) moved(index uint32) int {
	t := b.m.types[index]
	return len(t.Params) + len(t.Results)
}

// memArg copies the alignment and offset of a load or store.
func (b *body) memArg() {
	at := b.r.pos
	align := b.r.u32()
	switch {
	case align&0x40 != 0:
		b.r.failAt(at, ErrUnsupported, "build for one memory", "a memory other than 0 is not supported")
	case align > 4:
		b.r.failAt(at, ErrMalformed, hintAgain, "alignment 2^%d is too large", align)
	}
	b.out = appendU32(appendU32(b.out, align), b.r.u32())
}
