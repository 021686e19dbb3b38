package keyspace

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/kvasir-cache/kvasir/internal/base"
)

func TestEntry_ComesBackAsItWas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := drawEntry(t)
		key := EntryKey(drawID(t))
		got, err := DecodeEntry(key, EncodeEntry(key, e))
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, e) {
			t.Fatalf("got %+v, want %+v", got, e)
		}
	})
}

func TestSmallRecords_ComeBackAsTheyWere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := drawID(t)
		m := &Meta{Created: rapid.Int64().Draw(t, "created"), NextID: id}
		if rapid.Bool().Draw(t, "sealed") {
			m.Seal = Seal{Scheme: SealXChaCha, Generation: rapid.Uint64().Draw(t, "generation"),
				Goal: SealGoal(rapid.Uint8Range(0, uint8(SealRenew)).Draw(t, "goal"))}
		}
		copy(m.Store[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "store"))
		if got, err := DecodeMeta(MetaKey(), EncodeMeta(MetaKey(), m)); err != nil || *got != *m {
			t.Fatalf("meta: got %+v, %v, want %+v", got, err, m)
		}
		u := Uses{Count: rapid.Uint64().Draw(t, "count"), Last: rapid.Int64().Draw(t, "last")}
		if got, err := DecodeUses(UsesKey(id), EncodeUses(UsesKey(id), u)); err != nil || got != u {
			t.Fatalf("uses: got %+v, %v, want %+v", got, err, u)
		}
		key := ExactKey(drawHash(t, "namespace"), drawHash(t, "exact"))
		if got, err := DecodeExact(key, EncodeExact(key, id)); err != nil || got != id {
			t.Fatalf("exact: got %v, %v, want %v", got, err, id)
		}
		size := rapid.Uint32Range(0, 2000).Draw(t, "size")
		s := drawSignature(t, size)
		key = SignatureKey(GroupOf(drawHash(t, "group"), [16]byte{}), size, id)
		if got, err := DecodeSignature(key, EncodeSignature(key, s)); err != nil || !reflect.DeepEqual(got, s) {
			t.Fatalf("signature: got %+v, %v, want %+v", got, err, s)
		}
		n := rapid.Int64().Draw(t, "total")
		if got, err := DecodeTotal(TotalKey("n"), EncodeTotal(TotalKey("n"), n)); err != nil || got != n {
			t.Fatalf("total: got %v, %v, want %v", got, err, n)
		}
	})
}

func drawSignature(t *rapid.T, size uint32) *Signature {
	s := &Signature{Kind: rapid.SampledFrom([]uint8{SignaturePresence, SignatureParity}).Draw(t, "kind")}
	s.Words = make([]uint64, SignatureWords(s.Kind, size))
	for i := range s.Words {
		s.Words[i] = rapid.Uint64().Draw(t, "word")
	}
	if size > 0 && rapid.Bool().Draw(t, "with its set") {
		s.Set = make([]uint64, size)
		for i := range s.Set {
			s.Set[i] = uint64(i)<<32 + rapid.Uint64Range(0, 1<<31).Draw(t, "number")
		}
	}
	return s
}

func TestEntryKeys_OrderLikeIDs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawID(t), drawID(t)
		if got := bytes.Compare(EntryKey(a), EntryKey(b)) < 0; got != (a < b) {
			t.Fatalf("key of %s before key of %s: got %t, want %t", a, b, got, a < b)
		}
	})
}

func TestSignatureKeys_OrderBySizeThenID(t *testing.T) {
	keys := [][]byte{
		SignatureKey(Group{1}, 2, 700), SignatureKey(Group{1}, 255, 3), SignatureKey(Group{1}, 255, 256),
		SignatureKey(Group{1}, 256, 1), SignatureKey(Group{2}, 1, 1),
	}
	if !slices.IsSortedFunc(keys, bytes.Compare) {
		t.Errorf("out of order: %x", keys)
	}
}

func TestSignature_HasTheWordsOfItsSize(t *testing.T) {
	for size, words := range map[uint32]int{
		0: 1, 1: 2, 64: 2, 65: 3, 256: 5, 257: 6, 288: 6, 289: 7, 1000: 29, math.MaxUint32: 134217725,
	} {
		if got := SignatureWords(SignatureParity, size); got != words {
			t.Errorf("parity of %d: got %d words, want %d", size, got, words)
		}
	}
	for size, words := range map[uint32]int{
		0: 1, 1: 1, 21: 1, 22: 2, 64: 2, 65: 3, 256: 7, 257: 7, 272: 7, 273: 8, 1000: 30, math.MaxUint32: 134217727,
	} {
		if got := SignatureWords(SignaturePresence, size); got != words {
			t.Errorf("set of %d: got %d words, want %d", size, got, words)
		}
	}
	key := SignatureKey(Group{}, 22, 1)
	for _, n := range []int{0, 1, 3} {
		wantCorrupt(t, reencodeSignature, key, EncodeSignature(key, &Signature{Kind: SignaturePresence, Words: make([]uint64, n)}))
	}
	wantCorrupt(t, reencodeSignature, key, EncodeSignature(key, &Signature{Kind: SignatureParity, Words: make([]uint64, 1)}))
	for _, kind := range []uint8{0, 3} {
		wantCorrupt(t, reencodeSignature, key, EncodeSignature(key, &Signature{Kind: kind, Words: make([]uint64, 2)}))
	}
	key = SignatureKey(Group{}, 2, 1)
	for _, set := range [][]uint64{{1}, {1, 1}, {2, 1}, {1, 2, 3}} {
		wantCorrupt(t, reencodeSignature, key, EncodeSignature(key, &Signature{Kind: SignaturePresence, Words: make([]uint64, 1), Set: set}))
	}
	key = SignatureKey(Group{}, math.MaxUint32, 1)
	wantCorrupt(t, reencodeSignature, key, EncodeSignature(key, &Signature{Kind: SignatureParity}))
}

// Namespaces and generations that differ in anything have groups of their own.
func TestGroupOf_TellsGroupsApart(t *testing.T) {
	seen := map[Group]bool{GroupOf(Hash{}, [16]byte{}): true}
	for i := range 32 {
		var namespace Hash
		namespace[i] = 1
		seen[GroupOf(namespace, [16]byte{})] = true
	}
	for i := range 16 {
		var generation [16]byte
		generation[i] = 1
		seen[GroupOf(Hash{}, generation)] = true
	}
	if len(seen) != 1+32+16 {
		t.Errorf("got %d groups, want 49", len(seen))
	}
}

func TestID_ReadsWhatItPrints(t *testing.T) {
	for _, id := range []ID{0, 1, 255, math.MaxUint64} {
		if got, err := ParseID(id.String()); err != nil || got != id {
			t.Errorf("%q: got %v, %v, want %v", id.String(), got, err, id)
		}
	}
	for _, bad := range []string{"", "x", "-1", "1ffffffffffffffff"} {
		if _, err := ParseID(bad); err == nil || !strings.Contains(err.Error(), bad) {
			t.Errorf("%q: got error %v, want one that names it", bad, err)
		}
	}
}

func TestDecode_RecognisesEveryFlippedBit(t *testing.T) {
	for _, name := range []string{"meta", "sealed", "entry", "uses", "exact", "signature", "features", "total"} {
		key, value := goldenOf(t, name)
		for bit := range 8 * len(value) {
			damaged := bytes.Clone(value)
			damaged[bit/8] ^= 1 << (bit % 8)
			wantCorrupt(t, decoderOf(name), key, damaged)
		}
		for n := range value {
			wantCorrupt(t, decoderOf(name), key, value[:n])
		}
		wantCorrupt(t, decoderOf(name), key, append(bytes.Clone(value), 0))
	}
}

func TestDecode_RecognisesAValueUnderAWrongKey(t *testing.T) {
	_, value := goldenOf(t, "entry")
	wantCorrupt(t, reencodeEntry, EntryKey(259), value)
	_, value = goldenOf(t, "exact")
	wantCorrupt(t, reencodeExact, ExactKey(Hash{}, Hash{}), value)
}

// A right checksum does not make a wrong value right.
func TestDecode_RefusesWhatItWouldNotWrite(t *testing.T) {
	key, value := goldenOf(t, "entry")
	body := value[:len(value)-checksumSize]
	for _, c := range []struct {
		name   string
		damage func(b []byte) []byte
		want   string
	}{
		{"unknown version", func(b []byte) []byte { b[0] = 2; return b }, "version is 2"},
		{"needless byte", func(b []byte) []byte { return replace(b, []byte{200, 1, 4}, []byte{200, 129, 0, 4}) }, "completion usage"},
		{"long prompt", func(b []byte) []byte { return replace(b, []byte("\x1dWhat"), []byte("\x7fWhat")) }, "prompt has 127 bytes"},
		{"endless tags", func(b []byte) []byte { return replace(b, []byte("\x02\x06afr"), []byte("\xff\xff\xff\xff\x0f\x06afr")) }, "tags has 4294967295 items"},
		{"too wide a token", func(b []byte) []byte {
			return replace(b, []byte{2, 172, 2, 255, 255, 255, 255, 15}, []byte{2, 172, 2, 255, 255, 255, 255, 31})
		}, "tokens holds 8589934591"},
		{"trailing byte", func(b []byte) []byte { return append(b, 0) }, "1 bytes after its last field"},
		{"no number", func(b []byte) []byte { return append(b[:145], bytes.Repeat([]byte{255}, 10)...) }, "prompt usage is no number"},
	} {
		value := seal(key, c.damage(bytes.Clone(body)))
		_, err := DecodeEntry(key, value)
		if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, want ErrCorrupt with %q", c.name, err, c.want)
		}
	}
}

func TestDecode_NamesKeyAndField(t *testing.T) {
	key := EntryKey(258)
	_, err := DecodeEntry(key, nil)
	if want := "record 650000000000000102 is corrupt: value has 0 bytes"; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
	var corrupt *CorruptError
	if !errors.As(err, &corrupt) || !bytes.Equal(corrupt.Key, key) {
		t.Errorf("got %#v, want a *CorruptError with the key", err)
	}
}

func TestMeta_TellsNewerFromCorrupt(t *testing.T) {
	key, value := goldenOf(t, "meta")
	later := append(binary.LittleEndian.AppendUint32(nil, 7), "whatever the future holds"...)
	_, err := DecodeMeta(key, seal(key, later))
	var newer *NewerError
	if !errors.As(err, &newer) || newer.Found != 7 || !errors.Is(err, ErrNewer) || errors.Is(err, ErrCorrupt) {
		t.Errorf("version 7: got %v, want a *NewerError", err)
	}
	if want := "store has format version 7; this program knows versions up to 2"; err == nil || err.Error() != want {
		t.Errorf("version 7: got %q, want %q", err, want)
	}
	zero := append(make([]byte, 4), value[4:len(value)-checksumSize]...)
	wantCorrupt(t, reencodeMeta, key, seal(key, zero))
}

// A count is a claim; memory follows what is there.
func TestDecode_AllocatesByInputNotByClaim(t *testing.T) {
	key, value := goldenOf(t, "entry")
	body := replace(bytes.Clone(value[:len(value)-checksumSize]),
		[]byte{4, 1, 127, 128, 1}, []byte{0xff, 0xff, 0xff, 0x7f, 1, 127, 128, 1})
	sealed := seal(key, body)
	const rounds = 100
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range rounds {
		if _, err := DecodeEntry(key, sealed); err == nil {
			t.Fatal("the claim was believed")
		}
	}
	runtime.ReadMemStats(&after)
	if got, limit := (after.TotalAlloc-before.TotalAlloc)/rounds, uint64(10*len(sealed)); got > limit {
		t.Errorf("decoding %d bytes allocated %d, want at most %d", len(sealed), got, limit)
	}
}

func replace(b, old, with []byte) []byte {
	if bytes.Count(b, old) != 1 {
		panic("the bytes to replace are not there once")
	}
	return bytes.Replace(b, old, with, 1)
}

func wantCorrupt(t *testing.T, decode func(key, value []byte) ([]byte, error), key, value []byte) {
	t.Helper()
	if _, err := decode(key, value); !errors.Is(err, ErrCorrupt) {
		t.Errorf("key %x, value %x: got error %v, want ErrCorrupt", key, value, err)
	}
}

func decoderOf(name string) func(key, value []byte) ([]byte, error) {
	return map[string]func(key, value []byte) ([]byte, error){
		"meta": reencodeMeta, "sealed": reencodeMeta, "entry": reencodeEntry, "uses": reencodeUses,
		"exact": reencodeExact, "signature": reencodeSignature, "features": reencodeSignature, "total": reencodeTotal,
	}[name]
}

func drawEntry(t *rapid.T) *Entry {
	text := rapid.StringOf(rapid.Rune())
	tokens := rapid.SliceOfN(rapid.Int32(), 0, 50)
	duration := rapid.Map(rapid.Int64(), func(n int64) time.Duration { return time.Duration(n) })
	return &Entry{
		Namespace: drawHash(t, "namespace"), Exact: drawHash(t, "exact"), Model: drawHash(t, "model"),
		Created: rapid.Int64().Draw(t, "created"), Expires: rapid.Int64().Draw(t, "expires"),
		Timings: base.Timings{
			Queue: duration.Draw(t, "queue"), Prefill: duration.Draw(t, "prefill"), Decode: duration.Draw(t, "decode"),
		},
		Cost: duration.Draw(t, "cost"),
		Usage: base.Usage{
			PromptTokens: rapid.Int().Draw(t, "prompt usage"), CompletionTokens: rapid.Int().Draw(t, "completion usage"),
		},
		Request: orNil(rapid.SliceOf(rapid.Byte()).Draw(t, "request")), Prompt: text.Draw(t, "prompt"),
		Topic: text.Draw(t, "topic"), Tags: orNil(rapid.SliceOfN(text, 0, 4).Draw(t, "tags")), Forms: drawForms(t),
		PromptTokens: orNil(tokens.Draw(t, "prompt tokens")), Tokens: orNil(tokens.Draw(t, "tokens")),
		Answer: text.Draw(t, "answer"), FinishReason: base.FinishReason(text.Draw(t, "finish")), StopString: text.Draw(t, "stop"),
	}
}

func drawForms(t *rapid.T) []Form {
	return orNil(rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Form {
		f := Form{Text: rapid.String().Draw(t, "text")}
		f.Grams = rapid.Uint32().Draw(t, "grams")
		copy(f.Generation[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "generation"))
		return f
	}), 0, 3).Draw(t, "forms"))
}

func drawHash(t *rapid.T, label string) (h Hash) {
	copy(h[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, label))
	return h
}

func drawID(t *rapid.T) ID { return ID(rapid.Uint64().Draw(t, "id")) }

func orNil[T any](s []T) []T {
	if len(s) == 0 {
		return nil
	}
	return s
}
