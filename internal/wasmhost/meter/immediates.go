package meter

// simple handles instructions of one byte that have an immediate and go on to the next one.
func (b *body) simple(at int, op byte) {
	switch op {
	case opLocalGet, opLocalSet, opLocalTee:
		b.indexed(op, "local", b.locals)
	case opGlobalGet, opGlobalSet:
		b.indexed(op, "global", b.m.globals)
	case opTableGet, opTableSet:
		b.indexed(op, "table", len(b.m.info.Tables))
	case opMemorySize:
		b.r.zero("build for one memory")
		b.pay(1)
		b.out = append(b.out, op, 0)
	case opMemoryGrow:
		b.r.zero("build for one memory")
		b.sized(pagesPerStep)
		b.out = append(b.out, op, 0)
	case opRefFunc:
		index := b.r.index("function", len(b.m.functions))
		b.pay(weightLeave)
		b.out = appendIndexed(b.out, op, b.m.function(index))
	default:
		b.constant(at, op)
	}
}

// constant handles instructions with a value or type written in them.
func (b *body) constant(at int, op byte) {
	b.pay(1)
	b.out = append(b.out, op)
	switch op {
	case opI32Const:
		b.out = appendSigned(b.out, b.r.signed(32))
	case opI64Const:
		b.out = appendSigned(b.out, b.r.signed(64))
	case opF32Const:
		b.out = append(b.out, b.r.bytes(4)...)
	case opF64Const:
		b.out = append(b.out, b.r.bytes(8)...)
	case opRefNull:
		b.out = append(b.out, byte(b.r.refType()))
	case opSelectTyped:
		b.selectType(at)
	default:
		b.refuse(at, op)
	}
}

func (b *body) selectType(at int) {
	if n := b.r.u32(); b.r.ok() && n != 1 {
		b.r.failAt(at, ErrMalformed, hintAgain, "a select of %d types", n)
	}
	b.out = append(b.out, 1, byte(b.r.valueType()))
}

func (b *body) refuse(at int, op byte) {
	if known, ok := refused[op]; ok {
		b.r.failAt(at, ErrUnsupported, known.hint, "%s is not supported", known.name)
		return
	}
	b.r.failAt(at, ErrMalformed, hintAgain, "instruction %#x is unknown", op)
}

func (b *body) indexed(op byte, what string, n int) {
	index := b.r.index(what, n)
	b.pay(1)
	b.out = appendIndexed(b.out, op, index)
}

// sized charges for an instruction whose size is on top of the stack.
func (b *body) sized(shift int) {
	b.pay(1)
	if !b.reachable() {
		return
	}
	b.temp = true
	b.charges++
	b.out = b.appendSizedCharge(b.out, uint32(b.locals), shift)
}

// misc handles the instructions behind opMisc.
func (b *body) misc(at int) {
	sub := b.r.u32()
	if b.r.ok() && sub > miscTableFill {
		b.r.failAt(at, ErrUnsupported, hintCore, "instruction 0xfc %d is not supported", sub)
	}
	var first, second uint32
	tables := len(b.m.info.Tables)
	switch sub {
	case miscMemoryInit:
		first = b.r.index("data segment", b.m.data)
		b.r.zero("build for one memory")
	case miscDataDrop:
		first = b.r.index("data segment", b.m.data)
	case miscMemoryCopy:
		b.r.zero("build for one memory")
		b.r.zero("build for one memory")
	case miscMemoryFill:
		b.r.zero("build for one memory")
	case miscTableInit:
		first = b.r.index("element segment", b.m.elements)
		second = b.r.index("table", tables)
	case miscElemDrop:
		first = b.r.index("element segment", b.m.elements)
	case miscTableCopy:
		first = b.r.index("table", tables)
		second = b.r.index("table", tables)
	case miscTableGrow, miscTableSize, miscTableFill:
		first = b.r.index("table", tables)
	}
	if b.r.ok() {
		b.payMisc(sub)
		b.writeMisc(sub, first, second)
	}
}

func (b *body) payMisc(sub uint32) {
	switch sub {
	case miscMemoryInit, miscMemoryCopy, miscMemoryFill:
		b.sized(bytesPerStep)
	case miscTableInit, miscTableCopy, miscTableGrow, miscTableFill:
		b.sized(elementsPerStep)
	case miscDataDrop, miscElemDrop:
		b.pay(weightLeave)
	default:
		b.pay(1)
	}
}

func (b *body) writeMisc(sub, first, second uint32) {
	b.out = appendIndexed(b.out, opMisc, sub)
	switch {
	case sub <= miscTruncLast:
	case sub == miscMemoryInit || sub == miscMemoryCopy || sub == miscTableInit || sub == miscTableCopy:
		b.out = appendU32(appendU32(b.out, first), second)
	default:
		b.out = appendU32(b.out, first)
	}
}

// vector handles the instructions behind opVector.
func (b *body) vector(at int) {
	sub := b.r.vectorNumber()
	switch {
	case !b.r.ok():
		return
	case sub > vecLast:
		b.r.failAt(at, ErrUnsupported, hintRelaxed, "vector instruction %d is not supported", sub)
		return
	case vecHoles[sub]:
		b.r.failAt(at, ErrMalformed, hintAgain, "vector instruction %d is unknown", sub)
		return
	}
	b.pay(1)
	b.out = appendIndexed(b.out, opVector, sub)
	switch {
	case sub <= vecLoadLast || sub == vecZeroFirst || sub == vecZeroLast:
		b.memArg()
	case sub == vecConst || sub == vecShuffle:
		b.out = append(b.out, b.r.bytes(16)...)
	case sub >= vecLaneFirst && sub <= vecLaneLast:
		b.out = append(b.out, b.r.byte())
	case sub >= vecMemFirst && sub <= vecMemLast:
		b.memArg()
		b.out = append(b.out, b.r.byte())
	}
}
