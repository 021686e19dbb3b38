package gguf

import (
	"bytes"
	"testing"
)

// FuzzRead checks that no file makes the reader panic or allocate out of proportion to its size,
// and that what it accepts can be written and read again with the same metadata.
func FuzzRead(f *testing.F) {
	whole := sample(f)
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	f.Add(header(2, 0, 1, text("key"), u32(9), u32(8), u64(2), text("a"), text("b")))
	f.Add(header(3, 1, 0, text("t"), u32(0), u32(0), u64(0), pad(40)))
	f.Fuzz(func(t *testing.T, b []byte) {
		var file *File
		var err error
		allocated := measure(func() { file, err = Read(bytes.NewReader(b), int64(len(b))) })
		if limit := uint64(1<<20 + 64*len(b)); allocated > limit {
			t.Fatalf("%d bytes made the reader allocate %d", len(b), allocated)
		}
		if err != nil {
			return
		}
		probe(file)
		var w Writer
		for _, kv := range file.Metadata {
			w.Add(kv.Key, kv.Value)
		}
		again := read(t, encode(t, &w))
		for i, kv := range again.Metadata {
			if want := file.Metadata[i]; kv.Key != want.Key || !kv.Value.Equal(want.Value) {
				t.Fatalf("key %q became %q, or its value changed", want.Key, kv.Key)
			}
		}
		if len(again.Metadata) != len(file.Metadata) {
			t.Fatalf("%d keys became %d", len(file.Metadata), len(again.Metadata))
		}
	})
}

// probe asks an accepted file everything it may be asked.
func probe(f *File) {
	for _, kv := range f.Metadata {
		kv.Value.AsString()
		kv.Value.AsInt()
		kv.Value.AsUint()
		kv.Value.AsFloat()
		kv.Value.AsBool()
		kv.Value.AsStrings()
		kv.Value.AsInts()
	}
	f.TensorBytes()
	KVBytesPerToken(f, "f16", "q8_0")
}
