package ngram

import (
	"encoding/json"
	"os"
	"slices"
	"strconv"
	"testing"
)

// The vectors were made from docs/formats/store.md by another program. No test rewrites them: the signatures
// are in the stores on people's disks.
func TestSignature_GivesTheBitsOfTheFormat(t *testing.T) {
	checkVectors(t, Presence, "testdata/signatures_v1.json")
	checkVectors(t, Parity, "testdata/parities.json")
}

func checkVectors(t *testing.T, kind Kind, file string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct{ Set, Words []string }
	if err := json.Unmarshal(data, &vectors); err != nil {
		t.Fatal(err)
	}
	for _, v := range vectors {
		if got, want := kind.Signature(fromHex(t, v.Set)), fromHex(t, v.Words); !slices.Equal(got, want) {
			t.Errorf("signature of kind %d of %s:\n got %x\nwant %x", kind, v.Set, got, want)
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
