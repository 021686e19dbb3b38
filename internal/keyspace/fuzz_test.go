package keyspace

import (
	"bytes"
	"errors"
	"testing"
)

// Each target gets arbitrary bytes twice: as they are, and with a right checksum, so that the fuzzer
// reaches what lies behind it.
func fuzzDecoder(f *testing.F, sample string, key []byte, reencode func(key, value []byte) ([]byte, error)) {
	f.Helper()
	_, value := goldenOf(f, sample)
	f.Add(value)
	f.Add(value[:len(value)-checksumSize])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, input []byte) {
		for _, value := range [][]byte{input, seal(key, bytes.Clone(input))} {
			checkDecoder(t, key, value, reencode)
		}
	})
}

// checkDecoder holds what every decoder promises about any input.
func checkDecoder(t *testing.T, key, value []byte, reencode func(key, value []byte) ([]byte, error)) {
	t.Helper()
	before := bytes.Clone(value)
	again, err := reencode(key, value)
	if !bytes.Equal(value, before) {
		t.Fatalf("decoding changed its input %x to %x", before, value)
	}
	if err == nil && !bytes.Equal(again, value) {
		t.Fatalf("%x decodes, but encodes to %x", value, again)
	}
	if err != nil && !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrNewer) {
		t.Fatalf("%x: got error %v, want ErrCorrupt or ErrNewer", value, err)
	}
}

func FuzzDecodeMeta(f *testing.F)        { fuzzDecoder(f, "meta", MetaKey(), reencodeMeta) }
func FuzzDecodeMeta_Sealed(f *testing.F) { fuzzDecoder(f, "sealed", MetaKey(), reencodeMeta) }

func FuzzDecodeEntry(f *testing.F) { fuzzDecoder(f, "entry", EntryKey(258), reencodeEntry) }
func FuzzDecodeUses(f *testing.F)  { fuzzDecoder(f, "uses", UsesKey(258), reencodeUses) }
func FuzzDecodeTotal(f *testing.F) { fuzzDecoder(f, "total", TotalKey("a"), reencodeTotal) }

func FuzzDecodeUses_WithItsWorth(f *testing.F) { fuzzDecoder(f, "worth", UsesKey(258), reencodeUses) }
func FuzzDecodeHour(f *testing.F)              { fuzzDecoder(f, "hour", HourKey(472_222), reencodeHour) }
func FuzzDecodeDoor(f *testing.F)              { fuzzDecoder(f, "door", DoorKey(), reencodeDoor) }

func FuzzDecodeExact(f *testing.F) {
	fuzzDecoder(f, "exact", ExactKey(Hash{}, Hash{1}), reencodeExact)
}

func FuzzDecodeSignature(f *testing.F) {
	fuzzDecoder(f, "signature", SignatureKey(Group{1}, 100, 258), reencodeSignature)
}

func FuzzDecodeChunk(f *testing.F) { fuzzDecoder(f, "chunk", ChunkKey(chunkName), reencodeChunk) }

func FuzzDecodeChunkUses(f *testing.F) {
	fuzzDecoder(f, "chunkuses", ChunkUsesKey(chunkName), reencodeChunkUses)
}

func FuzzDecodeSeen(f *testing.F) { fuzzDecoder(f, "seen", SeenKey(chunkName), reencodeSeen) }

func FuzzDecodeSignature_WithItsSet(f *testing.F) {
	fuzzDecoder(f, "features", SignatureKey(Group{1}, 2, 258), reencodeSignature)
}

func FuzzParseKey(f *testing.F) {
	for _, name := range []string{"meta", "sealed", "entry", "uses", "exact", "signature", "total", "chunk", "chunkuses", "seen", "hour"} {
		key, _ := goldenOf(f, name)
		f.Add(key)
	}
	f.Fuzz(func(t *testing.T, key []byte) {
		kinds := 0
		for _, rebuild := range []func([]byte) ([]byte, error){
			rebuildEntryKey, rebuildUsesKey, rebuildExactKey, rebuildSignatureKey, rebuildTotalKey,
			rebuildChunkKey, rebuildChunkUsesKey, rebuildSeenKey, rebuildHourKey,
		} {
			again, err := rebuild(key)
			if err == nil && !bytes.Equal(again, key) {
				t.Fatalf("key %x parses, but comes back as %x", key, again)
			}
			if err == nil {
				kinds++
			} else if !errors.Is(err, ErrCorrupt) {
				t.Fatalf("key %x: got error %v, want ErrCorrupt", key, err)
			}
		}
		if kinds > 1 {
			t.Fatalf("key %x is of %d kinds at once", key, kinds)
		}
	})
}
