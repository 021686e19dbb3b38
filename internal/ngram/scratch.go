package ngram

import "sync"

// scratch holds the buffers of one call.
type scratch struct {
	words []uint64
	runes []rune
	query []uint64
	grams []uint64
	table table
}

// keep bounds what a scratch may hold to be used again, about 2 MB. Texts that need more are rare.
const keep = 1 << 16

var scratches = sync.Pool{New: func() any { return new(scratch) }}

func getScratch() *scratch { return scratches.Get().(*scratch) }

func putScratch(sc *scratch) {
	if max(cap(sc.words), cap(sc.runes), cap(sc.query), cap(sc.grams), cap(sc.table.slots)) <= keep {
		scratches.Put(sc)
	}
}
