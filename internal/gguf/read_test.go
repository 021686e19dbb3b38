package gguf

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// sample returns a small file with every type of value and two tensors.
func sample(t testing.TB) []byte {
	t.Helper()
	var w Writer
	for _, kv := range sampleKeys() {
		w.Add(kv.Key, kv.Value)
	}
	w.AddTensor("token_embd.weight", F16, []uint64{32, 3}, From(bytes.NewReader(make([]byte, 192))))
	w.AddTensor("blk.0.attn_q.weight", Q8_0, []uint64{32, 1}, From(bytes.NewReader(make([]byte, 34))))
	return encode(t, &w)
}

func sampleKeys() []KV {
	return []KV{
		{"general.architecture", String("llama")},
		{"general.name", String("sample \u00e9\u4e16")},
		{"llama.block_count", Uint32(2)},
		{"llama.wide", Uint64(1 << 63)},
		{"split.count", Uint16(1)},
		{"below", Int32(-7)},
		{"epsilon", Float32(1e-5)},
		{"exact", Float64(0.1)},
		{"on", Bool(true)},
		{"off", Bool(false)},
		{"words", Strings([]string{"a", "", "three"})},
		{"numbers", Int32s([]int32{1, -1, 1 << 30})},
		{"none", Strings(nil)},
		{"empty", String("")},
	}
}

func encode(t testing.TB, w *Writer) []byte {
	t.Helper()
	var b bytes.Buffer
	n, err := w.WriteTo(&b)
	if err != nil {
		t.Fatal(err)
	}
	if n != int64(b.Len()) {
		t.Fatalf("WriteTo returned %d after writing %d bytes", n, b.Len())
	}
	return b.Bytes()
}

func read(t testing.TB, b []byte) *File {
	t.Helper()
	f, err := Read(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestRead_ReturnsWhatWasWritten(t *testing.T) {
	f := read(t, sample(t))
	if f.Version != 3 || f.Alignment != 32 || f.DataOffset%32 != 0 {
		t.Errorf("version %d, alignment %d, data at %d", f.Version, f.Alignment, f.DataOffset)
	}
	want := sampleKeys()
	same := func(a, b KV) bool { return a.Key == b.Key && a.Value.Equal(b.Value) }
	if !slices.EqualFunc(f.Metadata, want, same) {
		t.Errorf("metadata is %v, want %v", f.Metadata, want)
	}
	if len(f.Tensors) != 2 || f.TensorBytes() != 192+34 {
		t.Errorf("tensors are %+v of %d bytes, want two of 226", f.Tensors, f.TensorBytes())
	}
	q, ok := f.Tensor("blk.0.attn_q.weight")
	if !ok || q.Type != Q8_0 || !slices.Equal(q.Dims, []uint64{32, 1}) || q.Offset != 192 || q.Bytes != 34 {
		t.Errorf("tensor is %+v", q)
	}
	if _, ok := f.Tensor("other"); ok {
		t.Error("a tensor that is not there was found")
	}
}

func TestFile_TypedGetters(t *testing.T) {
	f := read(t, sample(t))
	check := func(name string, got, want any, ok bool) {
		t.Helper()
		if !ok || got != want {
			t.Errorf("%s is %v (%t), want %v", name, got, ok, want)
		}
	}
	s, ok := f.String("general.name")
	check("general.name", s, "sample \u00e9\u4e16", ok)
	u, ok := f.ModelUint("block_count")
	check("block_count", u, uint64(2), ok)
	u, ok = f.Uint("llama.wide")
	check("llama.wide", u, uint64(1<<63), ok)
	i, ok := f.Int("below")
	check("below", i, int64(-7), ok)
	i, ok = f.Int("split.count")
	check("split.count", i, int64(1), ok)
	x, ok := f.Float("epsilon")
	check("epsilon", float32(x), float32(1e-5), ok)
	x, ok = f.Float("exact")
	check("exact", x, 0.1, ok)
	b, ok := f.Bool("on")
	check("on", b, true, ok)
	b, ok = f.Bool("off")
	check("off", b, false, ok)
	list, ok := f.Strings("words")
	check("words", strings.Join(list, "|"), "a||three", ok)
	ints, ok := f.Ints("numbers")
	check("numbers", slices.Equal(ints, []int64{1, -1, 1 << 30}), true, ok)
}

func TestFile_GettersRefuseOtherTypes(t *testing.T) {
	f := read(t, sample(t))
	refused := map[string]bool{}
	_, refused["text as number"] = f.Uint("general.name")
	_, refused["number as text"] = f.String("below")
	_, refused["below zero as Uint"] = f.Uint("below")
	_, refused["too large for Int"] = f.Int("llama.wide")
	_, refused["whole number as Float"] = f.Float("below")
	_, refused["number as Bool"] = f.Bool("below")
	_, refused["words as Ints"] = f.Ints("words")
	_, refused["numbers as Strings"] = f.Strings("numbers")
	_, refused["missing"] = f.String("missing")
	for name, ok := range refused {
		if ok {
			t.Errorf("%s was answered", name)
		}
	}
}

func TestRead_TakesVersion2(t *testing.T) {
	b := sample(t)
	b[4] = 2
	if f := read(t, b); f.Version != 2 {
		t.Errorf("version is %d, want 2", f.Version)
	}
}

func TestRead_TakesTensorTypesOfANewerGgml(t *testing.T) {
	b := bytes.Replace(sample(t), []byte{32, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0},
		[]byte{32, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 99, 0, 0, 0}, 1)
	f := read(t, b)
	if e := f.Tensors[0]; e.Type != 99 || e.Bytes != 192 || e.Type.String() != "type 99" {
		t.Errorf("tensor is %+v, want type 99 with the 192 bytes up to the next tensor", e)
	}
}

// header encodes the start of a file and whatever follows it.
func header(version uint32, tensors, keys uint64, rest ...[]byte) []byte {
	b := binary.LittleEndian.AppendUint32([]byte("GGUF"), version)
	b = binary.LittleEndian.AppendUint64(b, tensors)
	b = binary.LittleEndian.AppendUint64(b, keys)
	return append(b, bytes.Join(rest, nil)...)
}

func u32(n uint32) []byte  { return binary.LittleEndian.AppendUint32(nil, n) }
func u64(n uint64) []byte  { return binary.LittleEndian.AppendUint64(nil, n) }
func text(s string) []byte { return appendString(nil, s) }
func pad(n int) []byte     { return make([]byte, n) }

func TestRead_SaysWhatIsWrong(t *testing.T) {
	good := sample(t)
	one := append(text("t"), u32(1)...) // a tensor named t of one dimension
	for _, tt := range []struct {
		name, want, hint string
		file             []byte
	}{
		{"empty", "not a GGUF file: it is empty", "again", nil},
		{"zip", `not a GGUF file: begins with "PK\x03\x04"`, "convert_hf_to_gguf.py", []byte("PK\x03\x04rest")},
		{"lfs pointer", `begins with "vers"`, "git lfs pull", []byte("version https://git-lfs")},
		{"web page", `begins with "<!DO"`, "web page", []byte("<!DOCTYPE html>")},
		{"three bytes", `begins with "GGU"`, "", []byte("GGU")},
		{"magic alone", "cut off at byte 4: 4 more bytes are needed, 0 remain", "again", []byte("GGUF")},
		{"big-endian", "big-endian", "endian", header(3<<24, 0, 0)},
		{"version 1", "version 1", "convert", header(1, 0, 0)},
		{"version 4", "GGUF version 4; versions 2 and 3 are known", "", header(4, 0, 0)},
		{"many keys", "claims 0 tensors and 1099511627776 keys", "", header(3, 0, 1<<40)},
		{"keys that are not there", "the metadata's 60000 keys: the file is cut off at byte 24", "again", header(3, 0, 60000)},
		{"key without a name", "key 0 at byte 24 has no name", "", header(3, 0, 1, text(""), pad(20))},
		{"long key", "key 0: its name at byte 24 is 70000 bytes long", "", header(3, 0, 1, u64(70000), pad(80000))},
		{"key cut off", "key 0: the file is cut off at byte 32: 1000 more bytes are needed, 12 remain", "again",
			header(3, 0, 1, u64(1000), pad(12))},
		{"same key twice", `key "a" at byte 38 appears twice`, "", header(3, 0, 2, text("a"), u32(7), pad(1), text("a"), u32(7), pad(1))},
		{"unknown value type", `key "abc": its value at byte 35 has unknown type 13`, "", header(3, 0, 1, text("abc"), u32(13), pad(8))},
		{"nested array", `key "a": its array at byte 37 has elements of type 9`, "", header(3, 0, 1, text("a"), u32(9), u32(9), u64(1), pad(8))},
		{"value cut off", `key "abc": the file is cut off at byte 47: 9 more bytes are needed, 2 remain`, "again",
			header(3, 0, 1, text("abc"), u32(8), u64(9), pad(2))},
		{"array cut off", `key "a": the file is cut off at byte 49: 40 more`, "again", header(3, 0, 1, text("a"), u32(9), u32(4), u64(10), pad(20))},
		{"string in array cut off", `key "a": element 1: the file is cut off at byte 65: 99 more`, "again",
			header(3, 0, 1, text("a"), u32(9), u32(8), u64(2), text(""), u64(99))},
		{"alignment of 3", `key "general.alignment": must be`, "", header(3, 0, 1, text("general.alignment"), u32(4), u32(3))},
		{"alignment as text", `key "general.alignment": must be`, "", header(3, 0, 1, text("general.alignment"), u32(8), text("32"))},
		{"tensors that are not there", "the descriptions of 5 tensors: the file is cut off", "again", header(3, 5, 0)},
		{"five dimensions", `tensor "t": it has 5 dimensions`, "", header(3, 1, 0, text("t"), u32(5), pad(80))},
		{"huge tensor", `tensor "t": its dimensions [9223372036854775808] are too large`, "", header(3, 1, 0, one, u64(1<<63), u32(1), u64(0), pad(64))},
		{"half a block", `tensor "t": its rows of 33 do not divide into Q8_0 blocks of 32`, "", header(3, 1, 0, one, u64(33), u32(8), u64(0), pad(64))},
		{"gap", `tensor "t" begins at byte 32 of the data, expected 0`, "", header(3, 1, 0, one, u64(1), u32(0), u64(32), pad(64))},
		{"same tensor twice", `tensor "t" at byte 57 appears twice`, "", header(3, 2, 0, one, u64(1), u32(0), u64(0), one, u64(1), u32(0), u64(32), pad(99))},
		{"data cut off", "the file is cut off: needs " + strconv.Itoa(len(good)-30) + " bytes, has " + strconv.Itoa(len(good)-40), "again", good[:len(good)-40]},
		{"no data", "the file is cut off: needs 1064 bytes, has 57", "again", header(3, 1, 0, one, u64(1000), u32(24), u64(0))},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Read(bytes.NewReader(tt.file), int64(len(tt.file)))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("error is %v, want one with %q", err, tt.want)
			}
			if !errors.Is(err, base.ErrModel) {
				t.Errorf("error %v is not a base.ErrModel", err)
			}
			if hint := base.Hint(err); !strings.Contains(hint, tt.hint) {
				t.Errorf("hint is %q, want one with %q", hint, tt.hint)
			}
		})
	}
}

func TestRead_RefusesEveryTruncation(t *testing.T) {
	whole := sample(t)
	needed := len(whole) - 30 // the padding after the last tensor may be missing
	for n := range needed {
		_, err := Read(bytes.NewReader(whole[:n]), int64(n))
		if !errors.Is(err, base.ErrModel) {
			t.Fatalf("the first %d of %d bytes gave %v, want a base.ErrModel", n, len(whole), err)
		}
	}
	read(t, whole[:needed])
}

// endless is a file of any size that begins with start and goes on with zeros.
type endless struct{ start []byte }

func (e endless) ReadAt(p []byte, off int64) (int, error) {
	clear(p)
	if off < int64(len(e.start)) {
		copy(p, e.start[off:])
	}
	return len(p), nil
}

func TestRead_AllocatesLittleForHostileFiles(t *testing.T) {
	key := text("key")
	for name, start := range map[string][]byte{
		"string of a terabyte":       header(3, 0, 1, key, u32(8), u64(1<<40)),
		"array of 2^60 numbers":      header(3, 0, 1, key, u32(9), u32(4), u64(1<<60)),
		"array of 2^64-1 strings":    header(3, 0, 1, key, u32(9), u32(8), u64(1<<64-1)),
		"as many strings as allowed": header(3, 0, 1, key, u32(9), u32(8), u64(MaxHeader/8-100)),
		"string in an array":         header(3, 0, 1, key, u32(9), u32(8), u64(1), u64(1<<50)),
		"key of a terabyte":          header(3, 0, 1, u64(1<<40)),
		"all the tensors":            header(3, MaxTensors, 0),
		"all the keys":               header(3, 0, MaxKeys),
		"too many tensors":           header(3, 1<<63, 0),
	} {
		t.Run(name, func(t *testing.T) {
			allocated := measure(func() {
				if _, err := Read(endless{start}, 1<<42); err == nil && !strings.HasPrefix(name, "as many") {
					t.Error("the file was accepted")
				}
			})
			if limit := uint64(MaxHeader + 32<<20); allocated > limit {
				t.Errorf("reading allocated %d bytes, want at most %d", allocated, limit)
			}
		})
	}
}

// measure returns the bytes that f allocates, garbage included.
func measure(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

type broken struct{}

var errBroken = errors.New("disk on fire")

func (broken) ReadAt([]byte, int64) (int, error) { return 0, errBroken }

type shrunk struct{}

func (shrunk) ReadAt([]byte, int64) (int, error) { return 0, io.EOF }

func TestRead_PassesOnTheSystemsReason(t *testing.T) {
	_, err := Read(broken{}, 100)
	if !errors.Is(err, errBroken) || !errors.Is(err, base.ErrModel) {
		t.Errorf("error is %v, want the cause and base.ErrModel", err)
	}
	_, err = Read(shrunk{}, 100)
	if !errors.Is(err, base.ErrModel) || !strings.Contains(err.Error(), "became shorter") {
		t.Errorf("error is %v, want one that says the file became shorter", err)
	}
}

func TestOpen_NamesTheFile(t *testing.T) {
	dir := t.TempDir()
	missing, page := filepath.Join(dir, "missing.gguf"), filepath.Join(dir, "page.gguf")
	if err := os.WriteFile(page, []byte("<!DOCTYPE html>"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{missing, page, dir} {
		_, err := Open(path)
		if !errors.Is(err, base.ErrModel) || !strings.Contains(err.Error(), path) {
			t.Errorf("Open(%q) gave %v, want a base.ErrModel that names it", path, err)
		}
	}
	if _, err := Open(missing); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v does not say that the file is missing", err)
	}
	whole := filepath.Join(dir, "whole.gguf")
	if err := os.WriteFile(whole, sample(t), 0o644); err != nil {
		t.Fatal(err)
	}
	if f, err := Open(whole); err != nil || f.Architecture() != "llama" {
		t.Errorf("Open gave %v, %v", f, err)
	}
}

// restless is a file whose content is other at the second look at its beginning.
type restless struct {
	looks         int
	first, second []byte
}

func (r *restless) ReadAt(p []byte, off int64) (int, error) {
	if r.looks++; r.looks > 1 {
		return bytes.NewReader(r.second).ReadAt(p, off)
	}
	return bytes.NewReader(r.first).ReadAt(p, off)
}

func TestRead_NoticesAFileThatChangesMeanwhile(t *testing.T) {
	file := func(size uint64) []byte {
		return header(3, 0, 1, text("key"), u32(9), u32(8), u64(1), u64(size), pad(16))
	}
	_, err := Read(&restless{first: file(16), second: file(1 << 60)}, int64(len(file(0))))
	if !errors.Is(err, base.ErrModel) || !strings.Contains(err.Error(), "changed while it was read") {
		t.Errorf("error is %v, want one that says the file changed", err)
	}
}
