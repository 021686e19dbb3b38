package testmodel

import (
	"crypto/sha256"
	"encoding/binary"
	"io"
	"math"
	"math/rand/v2"
)

// A drawn weight is the sum of four random bytes less their mean: a whole number of near-normal
// distribution around 0, so that the same one comes out on every machine.
const (
	drawMax    = 510                // the largest value, and less its sign the smallest
	drawSpread = 147.80054127099805 // standard deviation: sqrt(4 * (256*256 - 1) / 12)
)

// source draws weights for one tensor.
type source struct {
	rng  *rand.ChaCha8
	half int  // a drawn weight that was not used yet
	kept bool // whether there is one
}

// newSource starts the numbers of a tensor. They depend on its name alone.
func newSource(name string) *source {
	return &source{rng: rand.NewChaCha8(sha256.Sum256([]byte("kvasir test model: " + name)))}
}

// draw returns the next weight, from -drawMax to drawMax.
func (s *source) draw() int {
	if s.kept {
		s.kept = false
		return s.half
	}
	x := s.rng.Uint64()
	const even = 0x00ff00ff00ff00ff
	pairs := x&even + x>>8&even // four sums of two bytes
	s.half, s.kept = int(pairs>>32&0xffff+pairs>>48)-drawMax, true
	return int(pairs&0xffff+pairs>>16&0xffff) - drawMax
}

// filler appends n weights of standard deviation spread to a buffer. n is a whole number of blocks.
type filler func(to []byte, n int, spread float64, from *source) []byte

// matrix returns the data of a weight matrix. Its spread keeps the size of what passes through it:
// one over the root of the row length.
func matrix(name string, rows, width int, fill filler) func(io.Writer) error {
	return func(w io.Writer) error {
		from, spread := newSource(name), 1/math.Sqrt(float64(width))
		var row []byte
		for range rows {
			row = fill(row[:0], width, spread, from)
			if _, err := w.Write(row); err != nil {
				return err
			}
		}
		return nil
	}
}

// norm returns the data of a norm: F32 weights near 1, as trained ones are.
func norm(name string, width int) func(io.Writer) error {
	return func(w io.Writer) error {
		from := newSource(name)
		var row []byte
		for range width {
			x := 1 + float32(from.draw())/4096 // exact, so it is the same everywhere
			row = binary.LittleEndian.AppendUint32(row, math.Float32bits(x))
		}
		_, err := w.Write(row)
		return err
	}
}
