package meter

import "fmt"

// elementSection keeps the element segments, with their functions renumbered.
func (m *module) elementSection(r *reader) []byte {
	n := r.count("segments", maxSegments)
	out := appendU32(nil, uint32(n))
	room := maxElements
	for i := range n {
		if !r.ok() {
			break
		}
		r.item = fmt.Sprintf("segment %d", i)
		out = m.elementOne(r, out, &room)
	}
	m.elements = n
	return out
}

// Bits of the number an element segment begins with.
const (
	elemPassive  = 1 // or declared, together with elemExplicit
	elemExplicit = 2 // a table is named (in an active segment)
	elemExprs    = 4 // items are expressions, not indexes
)

func (m *module) elementOne(r *reader, out []byte, room *int) []byte {
	at := r.pos
	flags := r.u32()
	if r.ok() && flags > 7 {
		r.failAt(at, ErrMalformed, hintAgain, "segment of the unknown kind %d", flags)
	}
	out = appendU32(out, flags)
	if flags&elemPassive == 0 {
		if flags&elemExplicit != 0 {
			out = appendU32(out, r.index("table", len(m.info.Tables)))
		}
		out = m.constExpr(r, out)
	}
	if flags&(elemPassive|elemExplicit) != 0 {
		out = append(out, r.elementKind(flags&elemExprs != 0))
	}
	n := r.count("elements", *room)
	*room -= n
	return m.elementItems(r, appendU32(out, uint32(n)), n, flags&elemExprs != 0)
}

// elementKind reads what a segment holds: a type before expressions, a zero before indexes.
func (r *reader) elementKind(exprs bool) byte {
	if exprs {
		return byte(r.refType())
	}
	at := r.pos
	kind := r.byte()
	if r.ok() && kind != 0 {
		r.failAt(at, ErrMalformed, hintAgain, "elements of the unknown kind %#x", kind)
	}
	return kind
}

func (m *module) elementItems(r *reader, out []byte, n int, exprs bool) []byte {
	for range n {
		if !r.ok() {
			break
		}
		if exprs {
			out = m.constExpr(r, out)
		} else {
			out = appendU32(out, m.function(r.index("function", len(m.functions))))
		}
	}
	return out
}

func (m *module) dataCountSection(r *reader) []byte {
	at := r.pos
	n := r.u32()
	if n > maxSegments {
		r.failAt(at, ErrLimit, "", "it has %d segments, more than %d", n, maxSegments)
	}
	m.data, m.hasCount = int(n), true
	return appendU32(nil, n)
}

// dataSection keeps the data segments.
func (m *module) dataSection(r *reader) []byte {
	at := r.pos
	n := r.count("segments", maxSegments)
	if m.hasCount && n != m.data {
		r.failAt(at, ErrMalformed, hintAgain, "it has %d segments, the data count section says %d", n, m.data)
	}
	m.data = n
	out := appendU32(make([]byte, 0, r.left()+5), uint32(n))
	for i := range n {
		if !r.ok() {
			break
		}
		r.item = fmt.Sprintf("segment %d", i)
		out = m.dataOne(r, out)
	}
	return out
}

func (m *module) dataOne(r *reader, out []byte) []byte {
	at := r.pos
	kind := r.u32()
	switch {
	case !r.ok():
		return out
	case kind > 2:
		r.failAt(at, ErrMalformed, hintAgain, "segment of the unknown kind %d", kind)
	case kind != 1 && m.info.Memory == nil:
		r.failAt(at, ErrMalformed, hintAgain, "it fills memory 0, and there is none")
	}
	if kind == 2 {
		r.zero("build for one memory")
		kind = 0 // memory 0, which needs no naming
	}
	out = appendU32(out, kind)
	if kind == 0 {
		out = m.constExpr(r, out)
	}
	return appendSized(out, r.bytes(r.u32()))
}
