package engine

import (
	"math"
	"testing"

	"github.com/kvasir-cache/kvasir/internal/keyspace"
	"github.com/kvasir-cache/kvasir/internal/ngram"
)

// The records of signatures are as wide as the signatures are, and number their kinds alike: a record of another
// width would not be read again.
func TestSignatures_OfTheStoreAreThoseOfTheIndex(t *testing.T) {
	if keyspace.SignaturePresence != ngram.Presence || keyspace.SignatureParity != ngram.Parity {
		t.Error("the kinds have other numbers")
	}
	for _, kind := range []ngram.Kind{ngram.Presence, ngram.Parity} {
		for size := 0; size <= math.MaxUint32; size += 1 + size/97 {
			if got, want := keyspace.SignatureWords(uint8(kind), uint32(size)), kind.Width(size); got != want {
				t.Fatalf("kind %d, set of %d: the store has %d words, and the index %d", kind, size, got, want)
			}
		}
	}
}
