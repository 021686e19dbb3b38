package keyspace

import (
	"bytes"
	"testing"
)

func sampleSnapshot() *Snapshot {
	s := &Snapshot{Size: 1_474_688, Modified: 1_700_000_000_000_000_000, Changes: 300, Path: "/a/b.jsonl"}
	fill(s.SHA256[:], 0x70)
	return s
}

func sampleWrong() (key []byte, w *Wrong) {
	var namespace, entry, prompt Hash
	fill(namespace[:], 0x10)
	fill(entry[:], 0x20)
	fill(prompt[:], 0x80)
	w = &Wrong{When: 1_700_000_000_000_000_000, Entry: 258, Prompt: "What is the capital of Nigeria?", Asked: "What is the capital of Niger?", Retired: []byte{1, 0xff}}
	return WrongKey(namespace, entry, prompt), w
}

func wrongWithUses(w *Wrong) *Wrong {
	with := *w
	with.Uses = []byte{2, 0x80, 7}
	return &with
}

func reencodeSnapshot(key, value []byte) ([]byte, error) {
	s, err := DecodeSnapshot(key, value)
	if err != nil {
		return nil, err
	}
	return EncodeSnapshot(key, s), nil
}

func reencodeWrong(key, value []byte) ([]byte, error) {
	w, err := DecodeWrong(key, value)
	if err != nil {
		return nil, err
	}
	return EncodeWrong(key, w), nil
}

func TestFormat_SnapshotAndWrong(t *testing.T) {
	wrongKey, wrong := sampleWrong()
	for _, c := range []struct {
		file       string
		key, value []byte
		decode     func(key, value []byte) ([]byte, error)
	}{
		{"snapshot", SnapshotKey(), EncodeSnapshot(SnapshotKey(), sampleSnapshot()), reencodeSnapshot},
		{"wrong", wrongKey, EncodeWrong(wrongKey, wrong), reencodeWrong},
		{"wronguses", wrongKey, EncodeWrong(wrongKey, wrongWithUses(wrong)), reencodeWrong},
	} {
		key, value := goldenOf(t, c.file)
		if !bytes.Equal(c.key, key) || !bytes.Equal(c.value, value) {
			t.Errorf("%s: got %x = %x, want %x = %x", c.file, c.key, c.value, key, value)
		}
		if again, err := c.decode(key, value); err != nil || !bytes.Equal(again, value) {
			t.Errorf("%s: decoding and encoding again gives %x, %v", c.file, again, err)
		}
	}
}

func TestWrongKey_ComesBack(t *testing.T) {
	key, _ := sampleWrong()
	namespace, entry, prompt, err := ParseWrongKey(key)
	if err != nil || !bytes.Equal(WrongKey(namespace, entry, prompt), key) || !bytes.HasPrefix(key, WrongEntryPrefix(namespace, entry)) {
		t.Errorf("%x comes back as %x %x %x, %v", key, namespace, entry, prompt, err)
	}
	if _, _, _, err := ParseWrongKey(key[1:]); err == nil {
		t.Error("a key without its prefix parses")
	}
}

func FuzzDecodeSnapshot(f *testing.F) { fuzzDecoder(f, "snapshot", SnapshotKey(), reencodeSnapshot) }

func FuzzDecodeWrong(f *testing.F) {
	key, _ := goldenOf(f, "wrong")
	fuzzDecoder(f, "wrong", key, reencodeWrong)
}

func FuzzDecodeWrong_WithItsUses(f *testing.F) {
	key, _ := goldenOf(f, "wronguses")
	fuzzDecoder(f, "wronguses", key, reencodeWrong)
}
