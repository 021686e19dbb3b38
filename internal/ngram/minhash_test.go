package ngram

import (
	"cmp"
	"math"
	"slices"
)

// minHash is an index of MinHash bands, to compare with. Two sets of score t share a band of the 20 with a
// chance of 1-(1-t^5)^20: 0.97 at 0.7, and 0.5 at 0.5.
type minHash struct {
	read  func(id uint64) ([]uint64, bool)
	bands [bands][]band // ascending
}

const (
	bands    = 20
	bandRows = 5
)

// band is a hash of one band of an entry in the upper half, and the id in the lower.
type band uint64

func newMinHash(s *shelf) *minHash {
	m := &minHash{read: s.reader()}
	var set []uint64
	for i, text := range s.texts {
		set = s.spec.AppendSet(set[:0], text)
		for b, h := range bandsOf(set) {
			m.bands[b] = append(m.bands[b], band(h<<32)|band(i+1))
		}
	}
	for b := range m.bands {
		slices.Sort(m.bands[b])
	}
	return m
}

// bandsOf returns the hash of each band of a set.
func bandsOf(set []uint64) (hashes [bands]uint64) {
	for b := range hashes {
		h := uint64(seed)
		for row := range bandRows {
			factor, least := mix(uint64(b*bandRows+row+1))|1, uint64(math.MaxUint64)
			for _, gram := range set {
				least = min(least, gram*factor)
			}
			h = mix(h ^ least)
		}
		hashes[b] = h
	}
	return hashes
}

func (m *minHash) find(query []uint64, floor float64) (best []Match, info SearchInfo) {
	for _, id := range m.candidates(query) {
		set, _ := m.read(id)
		info.Read++
		found := Match{id, Jaccard(query, set)}
		if found.Score >= floor && (best == nil || better(found, best[0])) {
			best = []Match{found}
		}
	}
	return best, info
}

// candidates returns the entries that share a band with the query, each once.
func (m *minHash) candidates(query []uint64) []uint64 {
	var ids []uint64
	for b, h := range bandsOf(query) {
		at, _ := slices.BinarySearchFunc(m.bands[b], band(h<<32), cmp.Compare[band])
		for ; at < len(m.bands[b]) && uint64(m.bands[b][at])>>32 == h&math.MaxUint32; at++ {
			ids = append(ids, uint64(m.bands[b][at])&math.MaxUint32)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}
