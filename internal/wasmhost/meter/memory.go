package meter

import "fmt"

// tableSection keeps the tables and clamps how far they may grow.
func (m *module) tableSection(r *reader) []byte {
	n := r.count("tables", maxTables)
	out := appendU32(nil, uint32(n))
	for i := range n {
		if !r.ok() {
			break
		}
		r.item = fmt.Sprintf("table %d", i)
		out = m.tableOne(r, out)
	}
	return out
}

func (m *module) tableOne(r *reader, out []byte) []byte {
	at := r.pos
	if at < r.end && r.b[at] == 0x40 {
		r.failAt(at, ErrUnsupported, hintRefs, "a table with an initial value is not supported")
	}
	elem := r.refType()
	lim := r.limits()
	if r.ok() && lim.flags > 1 {
		r.failAt(at, ErrUnsupported, hintMemory64, "a shared or 64-bit table is not supported")
	}
	clamped := lim.clamp(m.limits.TableElements)
	if r.ok() && lim.min > m.limits.TableElements {
		r.failAt(at, ErrLimit, "build it with fewer functions whose address is taken",
			"it needs %d elements, more than %d", lim.min, m.limits.TableElements)
	}
	m.info.Tables = append(m.info.Tables, Table{Min: lim.min, Max: lim.max, Clamped: clamped})
	return lim.append(append(out, byte(elem)))
}

// memorySection keeps the memory and clamps how far it may grow.
func (m *module) memorySection(r *reader) []byte {
	at := r.pos
	n := r.count("memories", 1<<16)
	if n > 1 {
		r.failAt(at, ErrUnsupported, hintCore, "it has %d memories; one is supported", n)
	}
	out := appendU32(nil, uint32(n))
	if n == 0 {
		return out
	}
	at = r.pos
	lim := r.limits()
	if r.ok() {
		m.checkMemory(r, at, lim)
	}
	clamped := lim.clamp(m.limits.MemoryPages)
	m.info.Memory = &Memory{Min: lim.min, Max: lim.max, Clamped: clamped}
	return lim.append(out)
}

func (m *module) checkMemory(r *reader, at int, lim limits) {
	switch {
	case lim.flags&8 != 0:
		r.failAt(at, ErrUnsupported, hintCore, "pages of another size than 64 KiB are not supported")
	case lim.flags&4 != 0:
		r.failAt(at, ErrUnsupported, hintMemory64, "64-bit memory is not supported")
	case lim.flags&2 != 0:
		r.failAt(at, ErrUnsupported, hintThreads, "shared memory is not supported")
	case lim.flags&1 != 0 && lim.max > pagesOfMemory:
		r.failAt(at, ErrMalformed, hintAgain, "its maximum is %d pages, more than %d", lim.max, pagesOfMemory)
	case lim.min > m.limits.MemoryPages:
		r.failAt(at, ErrLimit, "build it with a smaller initial memory, or raise the plugin's memory limit",
			"it needs %d pages of 64 KiB at the start, more than %d", lim.min, m.limits.MemoryPages)
	}
}

// limits are the least and the most a memory or table may hold.
type limits struct {
	flags    byte
	min, max uint32
}

// limits reads limits. The bounds of a kind that is refused anyway are left unread.
func (r *reader) limits() limits {
	at := r.pos
	l := limits{flags: r.byte()}
	if l.flags > 15 {
		r.failAt(at, ErrMalformed, hintAgain, "limits of the unknown kind %#x", l.flags)
	}
	if l.flags > 1 {
		return l
	}
	l.min = r.u32()
	if l.flags == 1 {
		l.max = r.u32()
	}
	if l.flags == 1 && l.max < l.min {
		r.failAt(at, ErrMalformed, hintAgain, "its maximum %d is below its minimum %d", l.max, l.min)
	}
	return l
}

// clamp sets the maximum to most if it is above that or there is none, and says whether it did.
func (l *limits) clamp(most uint32) bool {
	if l.flags == 1 && l.max <= most {
		return false
	}
	l.flags, l.max = 1, most
	return true
}

func (l limits) append(to []byte) []byte {
	return appendU32(appendU32(append(to, l.flags), l.min), l.max)
}

// size writes a number of bytes for people.
func size(n int) string {
	switch {
	case n >= 1<<20 && n%(1<<20) == 0:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 1<<10 && n%(1<<10) == 0:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d bytes", n)
}
