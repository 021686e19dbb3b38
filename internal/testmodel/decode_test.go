package testmodel

import (
	"encoding/binary"
	"math"
	"testing"
)

// decode turns stored weights back into numbers, written from the description of the formats and
// not from the code under test.
func decode(kind Type, raw []byte) (list []float64) {
	half := func(at int) float64 { return decode16(binary.LittleEndian.Uint16(raw[at:])) }
	switch kind {
	case F32:
		for at := 0; at < len(raw); at += 4 {
			list = append(list, float64(math.Float32frombits(binary.LittleEndian.Uint32(raw[at:]))))
		}
	case F16:
		for at := 0; at < len(raw); at += 2 {
			list = append(list, half(at))
		}
	case Q8_0:
		for at := 0; at < len(raw); at += 34 {
			for _, q := range raw[at+2 : at+34] {
				list = append(list, half(at)*float64(int8(q)))
			}
		}
	case Q4_K:
		for at := 0; at < len(raw); at += 144 {
			list = append(list, decodeQ4K(half(at), half(at+2), raw[at+4:at+16], raw[at+16:at+144])...)
		}
	}
	return list
}

func decodeQ4K(d, dmin float64, packed, nibbles []byte) (list []float64) {
	for group := range 8 {
		scale, least := sixBits(packed, group)
		for i := range 32 {
			q := nibbles[group/2*32+i]
			if group%2 == 1 {
				q >>= 4
			}
			list = append(list, d*scale*float64(q&15)-dmin*least)
		}
	}
	return list
}

// sixBits unpacks the scale and the min of a group.
func sixBits(p []byte, group int) (scale, least float64) {
	if group < 4 {
		return float64(p[group] & 63), float64(p[group+4] & 63)
	}
	return float64(p[group+4]&15 | p[group-4]>>6<<4), float64(p[group+4]>>4 | p[group]>>6<<4)
}

func decode16(bits uint16) float64 {
	sign, exponent, fraction := 1.0, int(bits>>10&31), float64(bits&1023)
	if bits>>15 == 1 {
		sign = -1
	}
	if exponent == 0 {
		return sign * math.Ldexp(fraction, -24)
	}
	return sign * math.Ldexp(1024+fraction, exponent-25)
}

func TestFloat16_KeepsEveryHalf(t *testing.T) {
	for bits := range 1 << 16 {
		if bits>>10&31 == 31 {
			continue // infinities and NaN
		}
		if got := float16(float32(decode16(uint16(bits)))); got != uint16(bits) {
			t.Fatalf("%g became %#04x, want %#04x", decode16(uint16(bits)), got, bits)
		}
	}
}

func TestFloat16_RoundsToTheNearest(t *testing.T) {
	for bits := range uint16(31<<10 - 1) {
		low, high := decode16(bits), decode16(bits+1)
		middle := (low + high) / 2
		want := bits + bits&1 // to even
		if got := float16(float32(middle)); got != want {
			t.Fatalf("%g became %#04x, want %#04x", middle, got, want)
		}
		if got := float16(float32(low + (high-low)*0.49)); got != bits {
			t.Fatalf("just below %g became %#04x, want %#04x", middle, got, bits)
		}
		if got := float16(float32(low + (high-low)*0.51)); got != bits+1 {
			t.Fatalf("just above %g became %#04x, want %#04x", middle, got, bits+1)
		}
	}
}
