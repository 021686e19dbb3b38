package meter

import (
	"bytes"
	"math"
	"testing"
)

func readerOf(b ...byte) *reader { return &reader{b: b, end: len(b), section: "code"} }

func TestReader_SignedNumbers(t *testing.T) {
	for _, c := range []struct {
		in   []byte
		bits int
		want int64
		ok   bool
	}{
		{[]byte{0x00}, 32, 0, true},
		{[]byte{0x7f}, 32, -1, true},
		{[]byte{0x40}, 32, -64, true},
		{[]byte{0xc0, 0x00}, 32, 64, true},
		{[]byte{0xff, 0x7f}, 32, -1, true}, // longer than it needs to be
		{[]byte{0xff, 0xff, 0xff, 0xff, 0x07}, 32, math.MaxInt32, true},
		{[]byte{0x80, 0x80, 0x80, 0x80, 0x78}, 32, math.MinInt32, true},
		{[]byte{0xff, 0xff, 0xff, 0xff, 0x0f}, 32, 0, false}, // 2^32-1
		{[]byte{0x80, 0x80, 0x80, 0x80, 0x70}, 32, 0, false}, // below -2^31
		{[]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0x00}, 32, 0, false},
		{[]byte{0xff, 0xff, 0xff, 0xff, 0x0f}, 33, math.MaxUint32, true},
		{[]byte{0x80, 0x80, 0x80, 0x80, 0x70}, 33, -1 << 32, true},
		{[]byte{0x80, 0x80, 0x80, 0x80, 0x10}, 33, 0, false}, // 2^32
		{[]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00}, 64, math.MaxInt64, true},
		{[]byte{0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7f}, 64, math.MinInt64, true},
		{[]byte{0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01}, 64, 0, false},
		{[]byte{0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00}, 64, 0, false},
		{[]byte{0x80}, 32, 0, false},
		{nil, 32, 0, false},
	} {
		r := readerOf(c.in...)
		if got := r.signed(c.bits); got != c.want || r.ok() != c.ok {
			t.Errorf("%x as %d bits is %d (%v), want %d, %t", c.in, c.bits, got, r.err, c.want, c.ok)
		}
		if c.ok && readerOf(appendSigned(nil, c.want)...).signed(c.bits) != c.want {
			t.Errorf("%d does not survive writing and reading", c.want)
		}
	}
}

func TestReader_UnsignedNumbers(t *testing.T) {
	for _, c := range []struct {
		in   []byte
		want uint32
		ok   bool
	}{
		{[]byte{0x00}, 0, true},
		{[]byte{0x80, 0x00}, 0, true},
		{[]byte{0x80, 0x80, 0x80, 0x80, 0x00}, 0, true},
		{[]byte{0xff, 0xff, 0xff, 0xff, 0x0f}, math.MaxUint32, true},
		{[]byte{0xff, 0xff, 0xff, 0xff, 0x1f}, 0, false},
		{[]byte{0x80, 0x80, 0x80, 0x80, 0x80, 0x00}, 0, false},
		{[]byte{0x80}, 0, false},
	} {
		r := readerOf(c.in...)
		if got := r.u32(); got != c.want || r.ok() != c.ok {
			t.Errorf("%x is %d (%v), want %d, %t", c.in, got, r.err, c.want, c.ok)
		}
	}
}

func TestAppendSigned_IsShortest(t *testing.T) {
	for n, want := range map[int64][]byte{
		0: {0}, 63: {63}, 64: {0xc0, 0}, -64: {0x40}, -65: {0xbf, 0x7f},
		math.MaxInt32: {0xff, 0xff, 0xff, 0xff, 0x07},
	} {
		if got := appendSigned(nil, n); !bytes.Equal(got, want) {
			t.Errorf("%d is written as %x, not %x", n, got, want)
		}
	}
}

// Once something failed, nothing that follows is read or takes its place.
func TestReader_KeepsItsFirstError(t *testing.T) {
	r := readerOf(5, 1, 2)
	r.bytes(4)
	first := r.err
	if first == nil {
		t.Fatal("4 bytes of 3 were read")
	}
	if r.u32() != 0 || r.byte() != 0 || r.name() != "" || r.err != first {
		t.Errorf("after %v it went on to %v", first, r.err)
	}
}
