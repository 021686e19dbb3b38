package ngram

import (
	"encoding/json"
	"os"
	"slices"
	"strconv"
	"testing"
)

// The vectors of version 1 were made from docs/formats/store.md by another program. No test rewrites them:
// the signatures are in the stores on people's disks.
func TestSignature_GivesTheBitsOfVersion1(t *testing.T) {
	data, err := os.ReadFile("testdata/signatures_v1.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct{ Set, Words []string }
	if err := json.Unmarshal(data, &vectors); err != nil {
		t.Fatal(err)
	}
	for _, v := range vectors {
		if got, want := Presence.Signature(fromHex(t, v.Set)), fromHex(t, v.Words); !slices.Equal(got, want) {
			t.Errorf("signature of %s:\n got %x\nwant %x", v.Set, got, want)
		}
	}
}

func fromHex(t *testing.T, texts []string) []uint64 {
	numbers := make([]uint64, len(texts))
	for i, text := range texts {
		n, err := strconv.ParseUint(text, 16, 64)
		if err != nil {
			t.Fatal(err)
		}
		numbers[i] = n
	}
	return numbers
}
