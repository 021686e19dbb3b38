package keyspace

import (
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The files in testdata hold the bytes of format version 1, made from the drawing in
// docs/formats/store.md and not by this package. No test rewrites them: the stores on people's disks
// cannot be rewritten either.
func TestFormat_WritesAndReadsTheBytesOfVersion1(t *testing.T) {
	meta, entry, uses := sampleMeta(), sampleEntry(), Uses{Count: 3, Last: 1_700_000_000_000_000_001}
	entryKey, usesKey := EntryKey(258), UsesKey(258)
	exactKey, totalKey := ExactKey(entry.Namespace, entry.Exact), TotalKey("cache.hit_exact")
	chunk, restores := sampleChunk(), ChunkUses{Count: 3, Weight: 1.75, Last: 1_700_000_000_000_000_001}
	chunkKey, restoresKey, seenKey := ChunkKey(chunkName), ChunkUsesKey(chunkName), SeenKey(chunkName)
	signatureKey := SignatureKey(GroupOf(entry.Namespace, entry.Forms[0].Generation), 100, 258)
	featuresKey := SignatureKey(GroupOf(entry.Namespace, entry.Forms[0].Generation), 2, 258)
	for _, c := range []struct {
		file       string
		key, value []byte
		decode     func(key, value []byte) ([]byte, error) // and encode again
	}{
		{"meta", MetaKey(), EncodeMeta(MetaKey(), meta), reencodeMeta},
		{"sealed", MetaKey(), EncodeMeta(MetaKey(), sealedMeta()), reencodeMeta},
		{"entry", entryKey, EncodeEntry(entryKey, entry), reencodeEntry},
		{"uses", usesKey, EncodeUses(usesKey, uses), reencodeUses},
		{"worth", usesKey, EncodeUses(usesKey, sampleWorth()), reencodeUses},
		{"hour", HourKey(472_222), EncodeHour(HourKey(472_222), sampleHour), reencodeHour},
		{"door", DoorKey(), EncodeDoor(DoorKey(), sampleDoor), reencodeDoor},
		{"exact", exactKey, EncodeExact(exactKey, 258), reencodeExact},
		{"signature", signatureKey, EncodeSignature(signatureKey, sampleSignature()), reencodeSignature},
		{"features", featuresKey, EncodeSignature(featuresKey, sampleFeatures()), reencodeSignature},
		{"total", totalKey, EncodeTotal(totalKey, -7), reencodeTotal},
		{"chunk", chunkKey, EncodeChunk(chunkKey, chunk), reencodeChunk},
		{"chunkuses", restoresKey, EncodeChunkUses(restoresKey, restores), reencodeChunkUses},
		{"seen", seenKey, EncodeSeen(seenKey, 1_700_000_000_000_000_002), reencodeSeen},
	} {
		key, value := goldenOf(t, c.file)
		if !bytes.Equal(c.key, key) {
			t.Errorf("%s key:\n got %x\nwant %x", c.file, c.key, key)
		}
		if !bytes.Equal(c.value, value) {
			t.Errorf("%s value:\n got %x\nwant %x", c.file, c.value, value)
		}
		if again, err := c.decode(key, value); err != nil || !bytes.Equal(again, value) {
			t.Errorf("%s: decoding and encoding again gives %x, %v", c.file, again, err)
		}
	}
}

func sealedMeta() *Meta {
	m := sampleMeta()
	m.Seal = Seal{Scheme: SealXChaCha, Goal: SealRenew, Generation: 9}
	return m
}

func sampleWorth() Uses {
	return Uses{Count: 3, Last: 1_700_000_000_000_000_001, Worth: Worth{
		Known: true, Weight: 1.75, Created: 1_700_000_000_000_000_000, Expires: 1_700_000_259_200_000_000, Cost: 2_640_000_000,
		Bytes: 2100, Topic: 0x01020304, Account: 0x0a0b0c0d, Pinned: true,
	}}
}

var (
	sampleHour = Hour{Lookups: 100, Hits: 40, SavedMicros: 123_456_789, Remembered: 60, Removed: 5, Entries: 9000, Bytes: 18_000_000}
	sampleDoor = &Door{Count: 7, Old: []byte{0xff, 0}, New: []byte{0x10, 1}}
)

func sampleMeta() *Meta {
	m := &Meta{Created: 1_700_000_000_000_000_000, NextID: 1025}
	copy(m.Store[:], "0123456789abcdef")
	return m
}

func sampleEntry() *Entry {
	e := &Entry{
		Created: 1_700_000_000_000_000_000, Expires: 1_700_000_259_200_000_000,
		Cost:    2_640_000_000,
		Request: []byte{0, 1, 2, 0xff}, Prompt: "What is the capital of Niger?",
		Topic: "geo", Tags: []string{"africa", ""},
		Forms:        []Form{{Grams: 75, Text: "capital of niger"}},
		PromptTokens: []int32{1, 127, 128, 49151}, Tokens: []int32{300, -1},
		Answer: "Niamey", FinishReason: "stop", StopString: "\n",
	}
	e.Timings.Queue, e.Timings.Prefill, e.Timings.Decode = 1_000_000, 2_000_000_000, 500_000_000
	e.Usage.PromptTokens, e.Usage.CompletionTokens = 4, 200
	fill(e.Namespace[:], 0x10)
	fill(e.Exact[:], 0x20)
	fill(e.Model[:], 0x30)
	fill(e.Forms[0].Generation[:], 0x40)
	return e
}

var chunkName = Hash{0: 0xce, 31: 0xec}

func sampleChunk() *Chunk {
	c := &Chunk{
		From: 128, Tokens: []int32{1, 127, 128, 49151}, Origin: ChunkPrefill,
		Bytes: 1_474_688, Cost: 190_000_000, Created: 1_700_000_000_000_000_000,
	}
	fill(c.Parent[:], 0x50)
	fill(c.State[:], 0x60)
	return c
}

func sampleSignature() *Signature {
	return &Signature{Kind: SignaturePresence, Words: []uint64{0x0123456789abcdef, 1, 1 << 63}}
}

// sampleFeatures is a signature with its set.
func sampleFeatures() *Signature {
	return &Signature{Kind: SignatureParity, Words: []uint64{0x0123456789abcdef, 1 << 63}, Set: []uint64{1, 0xfedcba9876543210}}
}

func fill(b []byte, with byte) {
	for i := range b {
		b[i] = with
	}
}

// goldenOf reads a key and a value in hex, separated by a line "=". Text after # is for people.
func goldenOf(t testing.TB, name string) (key, value []byte) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name+"_v1.hex"))
	if err != nil {
		t.Fatal(err)
	}
	var parts [2][]byte
	part := 0
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		if line = strings.Join(strings.Fields(line), ""); line == "=" {
			part++
			continue
		}
		b, err := hex.DecodeString(line)
		if err != nil {
			t.Fatalf("%s: %q: %v", name, line, err)
		}
		parts[part] = append(parts[part], b...)
	}
	return parts[0], parts[1]
}
