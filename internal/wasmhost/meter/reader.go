package meter

import (
	"fmt"
	"unicode/utf8"
)

// reader reads one section. The first failure stays: later reads return zero, so a caller looks at
// err once a loop, and no count read from the module is trusted before the bytes it stands for.
type reader struct {
	b       []byte // the whole module
	pos     int
	end     int
	section string
	item    string
	err     *Error
}

func (r *reader) fail(reason error, hint, format string, args ...any) {
	r.failAt(r.pos, reason, hint, format, args...)
}

func (r *reader) failAt(offset int, reason error, hint, format string, args ...any) {
	if r.err != nil {
		return
	}
	r.err = &Error{Reason: reason, Section: r.section, Item: r.item, Offset: offset,
		Message: fmt.Sprintf(format, args...), Hint: hint}
	r.pos = r.end
}

func (r *reader) malformed(format string, args ...any) {
	r.fail(ErrMalformed, hintAgain, format, args...)
}

func (r *reader) ok() bool { return r.err == nil }

func (r *reader) left() int { return r.end - r.pos }

func (r *reader) byte() byte {
	if r.pos >= r.end {
		r.malformed("it ends too early")
		return 0
	}
	b := r.b[r.pos]
	r.pos++
	return b
}

// bytes returns n bytes of the module itself.
func (r *reader) bytes(n uint32) []byte {
	if uint64(n) > uint64(r.left()) {
		r.malformed("%d bytes are claimed, %d are left", n, r.left())
		return nil
	}
	p := r.b[r.pos : r.pos+int(n)]
	r.pos += int(n)
	return p
}

// u32 reads an unsigned LEB128 number: at most five bytes, and no bit beyond the 32nd.
func (r *reader) u32() uint32 {
	at := r.pos
	var n uint64
	for shift := 0; shift < 35; shift += 7 {
		b := r.byte()
		n |= uint64(b&0x7f) << shift
		if b < 0x80 {
			if n > 1<<32-1 {
				break
			}
			return uint32(n)
		}
	}
	r.failAt(at, ErrMalformed, hintAgain, "a number is longer than 32 bits")
	return 0
}

// vectorNumber reads which vector instruction follows. The engine takes the first byte for the whole
// number, which is right only for the shortest form, so that any longer one means two things.
func (r *reader) vectorNumber() uint32 {
	at := r.pos
	n := r.u32()
	if shortest := len(appendU32(nil, n)); r.ok() && r.pos-at != shortest {
		r.failAt(at, ErrMalformed, hintAgain, "the number of vector instruction %d is longer than it needs to be", n)
	}
	return n
}

// signed reads a signed LEB128 number of so many bits, in no more bytes than they need.
func (r *reader) signed(bits int) int64 {
	at := r.pos
	var n int64
	for shift := 0; shift < bits; shift += 7 {
		b := r.byte()
		n |= int64(b&0x7f) << shift
		if b >= 0x80 {
			continue
		}
		if room := bits - shift; room < 7 && !signFills(b, room) {
			break
		}
		if used := shift + 7; used < 64 && b&0x40 != 0 {
			n |= -1 << used
		}
		return n
	}
	r.failAt(at, ErrMalformed, hintAgain, "a number is longer than %d bits", bits)
	return 0
}

// signFills says whether the bits of the last byte that do not fit in room repeat the sign, which
// is the last bit that fits.
func signFills(b byte, room int) bool {
	rest := int8(b<<1) >> room // the sign and what is left of it, widened by the seventh bit
	return rest == 0 || rest == -1
}

// count reads how many items follow. Each needs a byte at least, so the count is bounded by what is
// left.
func (r *reader) count(what string, most int) int {
	at := r.pos
	n := r.u32()
	if int64(n) > int64(r.left()) {
		r.failAt(at, ErrMalformed, hintAgain, "%d %s are claimed, %d bytes are left", n, what, r.left())
		return 0
	}
	if int64(n) > int64(most) {
		r.failAt(at, ErrLimit, "", "it has %d %s, more than %d", n, what, most)
		return 0
	}
	return int(n)
}

// index reads a number below n.
func (r *reader) index(what string, n int) uint32 {
	at := r.pos
	i := r.u32()
	if r.ok() && int64(i) >= int64(n) {
		r.failAt(at, ErrMalformed, hintAgain, "%s %d does not exist, there are %d", what, i, n)
		return 0
	}
	return i
}

func (r *reader) name() string {
	at := r.pos
	p := r.bytes(r.u32())
	if !utf8.Valid(p) {
		r.failAt(at, ErrMalformed, hintAgain, "a name is not valid UTF-8")
	}
	return string(p)
}

// zero reads a byte that can only be zero.
func (r *reader) zero(hint string) {
	at := r.pos
	if b := r.byte(); b != 0 && r.ok() {
		r.failAt(at, ErrUnsupported, hint, "byte %#x stands where only memory 0 is known", b)
	}
}

func (r *reader) valueType() ValueType {
	at := r.pos
	t := ValueType(r.byte())
	if _, known := valueTypeNames[t]; !known && r.ok() {
		r.refuseType(at, byte(t))
	}
	return t
}

func (r *reader) refType() ValueType {
	at := r.pos
	t := r.valueType()
	if r.ok() && !t.isRef() {
		r.failAt(at, ErrMalformed, hintAgain, "%s is not a reference type", t)
	}
	return t
}

// refuseType names the feature a type belongs to.
func (r *reader) refuseType(at int, b byte) {
	switch b {
	case 0x69, 0x74:
		r.failAt(at, ErrUnsupported, hintExceptions, "exnref (type %#x) is not supported", b)
	case 0x63, 0x64:
		r.failAt(at, ErrUnsupported, hintRefs, "typed references (type %#x) are not supported", b)
	case 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x71, 0x72, 0x73, 0x77, 0x78:
		r.failAt(at, ErrUnsupported, hintGC, "garbage-collected type %#x is not supported", b)
	default:
		r.failAt(at, ErrMalformed, hintAgain, "type %#x is unknown", b)
	}
}
