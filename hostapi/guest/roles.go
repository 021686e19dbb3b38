package guest

import (
	"encoding/binary"
	"math"
	"slices"
)

// Normalize is the body of kvasir_normalize. f appends the normal form of text to dst. It depends on text
// alone, and the normal form of a normal form is itself.
func Normalize(ptr, n uint32, f func(dst []byte, text string) ([]byte, error)) uint64 {
	return Call(ptr, n, func(dst, input []byte) ([]byte, error) { return f(dst, view(input)) })
}

// Score is the body of kvasir_score. f sets scores[i] to how alike candidates[i] is to query, from 0 to 1.
// All are 0 before.
func Score(ptr, n uint32, f func(query string, candidates []string, scores []float32) error) uint64 {
	return Call(ptr, n, func(dst, input []byte) ([]byte, error) {
		query, candidates, err := readScoreFrame(input)
		if err != nil {
			return nil, err
		}
		work.scores = slices.Grow(work.scores[:0], len(candidates))[:len(candidates)]
		clear(work.scores)
		if err := f(query, candidates, work.scores); err != nil {
			return nil, err
		}
		for _, s := range work.scores {
			dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(s))
		}
		return dst, nil
	})
}

// Features is the body of kvasir_features. f appends the numbers that stand for text to dst, in any order;
// they are sorted, and each is kept once.
func Features(ptr, n uint32, f func(dst []uint64, text string) ([]uint64, error)) uint64 {
	return Call(ptr, n, func(dst, input []byte) ([]byte, error) {
		texts, err := readFeaturesFrame(input)
		if err != nil {
			return nil, err
		}
		dst = binary.LittleEndian.AppendUint32(dst, uint32(len(texts)))
		counts := len(dst)
		dst = append(dst, make([]byte, (4*len(texts)+4+7)&^7-4)...)
		for i, text := range texts {
			set, err := f(work.set[:0], text)
			if err != nil {
				return nil, err
			}
			slices.Sort(set)
			work.set = slices.Compact(set)
			binary.LittleEndian.PutUint32(dst[counts+4*i:], uint32(len(work.set)))
			for _, number := range work.set {
				dst = binary.LittleEndian.AppendUint64(dst, number)
			}
		}
		return dst, nil
	})
}

// Explain is the body of kvasir_explain. f appends to dst, as JSON, why candidate has its score
// (hostapi/schema/explanation.json).
func Explain(ptr, n uint32, f func(dst []byte, query, candidate string) ([]byte, error)) uint64 {
	return Call(ptr, n, func(dst, input []byte) ([]byte, error) {
		query, candidates, err := readScoreFrame(input)
		if err != nil {
			return nil, err
		}
		if len(candidates) != 1 {
			return nil, errFrame
		}
		return f(dst, query, candidates[0])
	})
}
