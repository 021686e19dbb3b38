package keyspace

import (
	"bytes"
	"encoding/hex"
	"slices"
	"testing"
)

var someHits = []Hit{
	{Entry: 258, When: 1_700_000_000_000_000_001, Saved: 1_234_567, Load: 89},
	{Entry: 3, When: 1_700_000_000_000_000_002, Saved: -5, Load: 1},
	{Entry: 258, When: 1_700_000_000_000_000_003, Saved: 0, Load: 0},
}

func hitsFile(hits []Hit) (file []byte) {
	for _, h := range hits {
		file = AppendHit(file, h)
	}
	return file
}

// The bytes were made from the drawing in docs/formats/store.md.
func TestHit_HasTheBytesOfVersion1(t *testing.T) {
	const want = "0201000000000000" + "01002a36fe9c9717" + "87d6120000000000" + "5900000000000000"
	got := hex.EncodeToString(AppendHit(nil, someHits[0]))
	if got[:64] != want {
		t.Errorf("got %s, want %s and a checksum", got, want)
	}
}

func TestDecodeHits_LeavesOutOnlyWhatIsDamaged(t *testing.T) {
	file := hitsFile(someHits)
	if got := DecodeHits(file); !slices.Equal(got, someHits) {
		t.Errorf("got %v, want %v", got, someHits)
	}
	for at := range file {
		torn := DecodeHits(file[:at])
		if !slices.Equal(torn, someHits[:at/HitSize]) {
			t.Errorf("cut off at %d: %v", at, torn)
		}
		changed := bytes.Clone(file)
		changed[at] ^= 1
		want := slices.Delete(slices.Clone(someHits), at/HitSize, at/HitSize+1)
		if got := DecodeHits(changed); !slices.Equal(got, want) {
			t.Errorf("byte %d changed: %v", at, got)
		}
	}
}

func FuzzDecodeHits(f *testing.F) {
	f.Add(hitsFile(someHits))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, file []byte) {
		hits := DecodeHits(file)
		if len(hits) > len(file)/HitSize {
			t.Fatalf("%d hits in %d bytes", len(hits), len(file))
		}
		if again := DecodeHits(hitsFile(hits)); !slices.Equal(again, hits) {
			t.Fatalf("%v comes back as %v", hits, again)
		}
	})
}
