package meter

import "fmt"

// globalSection keeps the guest's globals and puts the counters behind them.
func (m *module) globalSection(r *reader) []byte {
	n := r.count("globals", maxGlobals)
	out := appendU32(nil, uint32(n)+2)
	for i := range n {
		if !r.ok() {
			break
		}
		r.item = fmt.Sprintf("global %d", i)
		t, mutable := r.valueType(), r.byte()
		if r.ok() && mutable > 1 {
			r.malformed("mutability %#x is unknown", mutable)
		}
		out = m.constExpr(r, append(out, byte(t), mutable))
	}
	m.globals = n
	out = appendCounter(out, 0)
	return appendCounter(out, int64(m.limits.CallDepth))
}

// appendCounter appends a global of type (mut i64).
func appendCounter(to []byte, start int64) []byte {
	return append(appendSigned(append(to, byte(I64), 1, opI64Const), start), opEnd)
}

// exportSection keeps the guest's exports and adds the counters.
func (m *module) exportSection(r *reader) []byte {
	n := r.count("exports", maxExports)
	out := appendU32(nil, uint32(n)+2)
	seen := make(map[string]bool)
	for range n {
		if !r.ok() {
			break
		}
		out = m.exportOne(r, out, seen)
	}
	out = appendU32(append(appendSized(out, StepsGlobal), byte(KindGlobal)), m.steps())
	return appendU32(append(appendSized(out, DepthGlobal), byte(KindGlobal)), m.depth())
}

func (m *module) exportOne(r *reader, out []byte, seen map[string]bool) []byte {
	at := r.pos
	name := r.name()
	kind := Kind(r.byte())
	switch {
	case !r.ok():
		return out
	case name == StepsGlobal || name == DepthGlobal:
		r.failAt(at, ErrUnsupported, "export it under another name", "export %q is reserved for the host", name)
	case seen[name]:
		r.failAt(at, ErrMalformed, hintAgain, "export %q is there twice", name)
	case kind == 4:
		r.failAt(at, ErrUnsupported, hintExceptions, "export %q is an exception tag, which is not supported", name)
	case kind > KindGlobal:
		r.failAt(at, ErrMalformed, hintAgain, "export %q is of the unknown kind %d", name, byte(kind))
	}
	seen[name] = true
	e := Export{Name: name, Kind: kind}
	index := r.index(kind.String(), m.countOf(kind))
	if !r.ok() {
		return out
	}
	if kind == KindFunction {
		e.Type = m.types[m.functions[index]]
		index = m.function(index)
	}
	m.info.Exports = append(m.info.Exports, e)
	return appendU32(append(appendSized(out, name), byte(kind)), index)
}

func (m *module) countOf(kind Kind) int {
	switch kind {
	case KindFunction:
		return len(m.functions)
	case KindTable:
		return len(m.info.Tables)
	case KindGlobal:
		return m.globals
	}
	if m.info.Memory != nil {
		return 1
	}
	return 0
}

// constExpr copies a constant expression: one instruction and its end.
func (m *module) constExpr(r *reader, out []byte) []byte {
	at := r.pos
	op := r.byte()
	if !r.ok() {
		return out
	}
	out = append(out, op)
	switch op {
	case opI32Const:
		out = appendSigned(out, r.signed(32))
	case opI64Const:
		out = appendSigned(out, r.signed(64))
	case opF32Const:
		out = append(out, r.bytes(4)...)
	case opF64Const:
		out = append(out, r.bytes(8)...)
	case opVector:
		if sub := r.vectorNumber(); r.ok() && sub != vecConst {
			r.failAt(at, ErrMalformed, hintAgain, "vector instruction %d is not constant", sub)
		}
		out = append(append(out, vecConst), r.bytes(16)...)
	case opGlobalGet:
		r.failAt(at, ErrUnsupported, hintOwnMemory, "an initial value from another global is not supported")
	case opRefNull:
		out = append(out, byte(r.refType()))
	case opRefFunc:
		out = appendU32(out, m.function(r.index("function", len(m.functions))))
	default:
		r.failAt(at, ErrMalformed, hintAgain, "instruction %#x is not constant", op)
	}
	return append(out, r.constEnd())
}

func (r *reader) constEnd() byte {
	at := r.pos
	if op := r.byte(); r.ok() && op != opEnd {
		r.failAt(at, ErrUnsupported, hintExtConst, "a constant expression of more than one instruction is not supported")
	}
	return opEnd
}
