package testmodel

import (
	"encoding/binary"
	"math"
)

// fillF32 writes 32-bit floats.
func fillF32(to []byte, n int, spread float64, from *source) []byte {
	unit := float32(spread / drawSpread)
	for range n {
		to = binary.LittleEndian.AppendUint32(to, math.Float32bits(float32(from.draw())*unit))
	}
	return to
}

// fillF16 writes 16-bit floats.
func fillF16(to []byte, n int, spread float64, from *source) []byte {
	unit := float32(spread / drawSpread)
	for range n {
		to = binary.LittleEndian.AppendUint16(to, float16(float32(from.draw())*unit))
	}
	return to
}

// fillQ8 writes Q8_0: for each 32 weights a 16-bit scale and 32 signed bytes. A quarter of a drawn
// weight, cut towards 0, fits from -127 to 127.
func fillQ8(to []byte, n int, spread float64, from *source) []byte {
	scale := float16(float32(4 * spread / drawSpread))
	for range n / 32 {
		to = binary.LittleEndian.AppendUint16(to, scale)
		for range 32 {
			to = append(to, byte(int8(from.draw()/4)))
		}
	}
	return to
}

// Q4_K keeps 256 weights as eight groups of 32. A weight is d*scale*q - dmin*min with q from 0 to
// 15, and scale and min six bits each, one pair per group. With min = scale and dmin = 7.5*d the
// mean is 0. q is a drawn weight in 64ths, so its standard deviation is drawSpread/64.
const (
	groups   = 8
	minScale = 32 // scales run from here to 63
	midScale = (minScale + 63) / 2.0
)

// fillQ4K writes Q4_K super-blocks of 144 bytes.
func fillQ4K(to []byte, n int, spread float64, from *source) []byte {
	d := float32(spread / (midScale * drawSpread / 64))
	for range n / 256 {
		to = binary.LittleEndian.AppendUint16(to, float16(d))
		to = binary.LittleEndian.AppendUint16(to, float16(7.5*d))
		to = appendScales(to, from)
		to = appendNibbles(to, from)
	}
	return to
}

// appendScales packs eight scales and as many equal mins into 12 bytes: six bits of the first four
// scales and mins, with the two high bits of the last four on top of them, then their low halves.
func appendScales(to []byte, from *source) []byte {
	bits := from.rng.Uint64()
	var scale [groups]byte
	for i := range scale {
		scale[i] = minScale | byte(bits>>(8*i))&31
	}
	for range 2 { // once for scales, once for mins
		for i := range 4 {
			to = append(to, scale[i]|scale[i+4]>>4<<6)
		}
	}
	for i := range 4 {
		low := scale[i+4] & 15
		to = append(to, low|low<<4)
	}
	return to
}

// appendNibbles writes 256 values of four bits, two groups of 32 in each 32 bytes.
func appendNibbles(to []byte, from *source) []byte {
	for range 128 {
		low, high := nibble(from.draw()), nibble(from.draw())
		to = append(to, low|high<<4)
	}
	return to
}

// nibble puts a drawn weight into one of 16 steps.
func nibble(draw int) byte { return byte((draw + 512) >> 6) }

// float16 rounds x to the nearest 16-bit float, to even between two. It is meant for finite values
// that fit.
func float16(x float32) uint16 {
	bits := math.Float32bits(x)
	sign, abs := uint16(bits>>16)&0x8000, bits&0x7fffffff
	const smallestNormal = (127 - 14) << 23
	if abs < smallestNormal {
		// Adding 1/2 leaves the multiple of the smallest subnormal, 2^-24, in the low bits.
		return sign | uint16(math.Float32bits(math.Float32frombits(abs)+0.5)-math.Float32bits(0.5))
	}
	abs -= (127 - 15) << 23      // to the other exponent
	abs += 1<<12 - 1 + abs>>13&1 // half of the last place that stays
	return sign | uint16(min(abs>>13, 0x7c00))
}
