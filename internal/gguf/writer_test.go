package gguf

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestWriter_AlignsTensorData(t *testing.T) {
	for _, alignment := range []uint32{8, 32, 4096} {
		var w Writer
		w.Add(alignmentKey, Uint32(alignment))
		first, second := bytes.Repeat([]byte{1}, 5), bytes.Repeat([]byte{2}, 7)
		w.AddTensor("first", 24, []uint64{5}, From(bytes.NewReader(first)))
		w.AddTensor("second", 24, []uint64{7}, From(bytes.NewReader(second)))
		b := encode(t, &w)
		f := read(t, b)
		if f.Alignment != int64(alignment) || f.DataOffset%f.Alignment != 0 {
			t.Errorf("alignment %d: read back as %d, data at %d", alignment, f.Alignment, f.DataOffset)
		}
		for i, want := range [][]byte{first, second} {
			at := f.DataOffset + f.Tensors[i].Offset
			if got := b[at : at+f.Tensors[i].Bytes]; at%f.Alignment != 0 || !bytes.Equal(got, want) {
				t.Errorf("alignment %d: tensor %d at %d holds %v, want %v", alignment, i, at, got, want)
			}
		}
	}
}

func TestWriter_WithoutTensorsEndsWithItsMetadata(t *testing.T) {
	var w Writer
	w.Add("key", Bool(true))
	b := encode(t, &w)
	if f := read(t, b); f.DataOffset != int64(len(b)) || f.TensorBytes() != 0 {
		t.Errorf("data at %d of %d bytes, %d bytes of tensors", f.DataOffset, len(b), f.TensorBytes())
	}
}

func TestWriter_RefusesWhatAReaderWould(t *testing.T) {
	none := func(io.Writer) error { return nil }
	disk := errors.New("disk full")
	for _, tt := range []struct {
		name, want string
		fill       func(*Writer)
	}{
		{"same key twice", `key "a"`, func(w *Writer) { w.Add("a", Bool(true)); w.Add("a", Bool(true)) }},
		{"key without a name", `key ""`, func(w *Writer) { w.Add("", Bool(true)) }},
		{"bad alignment", "power of two", func(w *Writer) { w.Add(alignmentKey, Uint32(3)) }},
		{"same tensor twice", `tensor "t"`, func(w *Writer) {
			w.AddTensor("t", F32, []uint64{0}, none)
			w.AddTensor("t", F32, []uint64{0}, none)
		}},
		{"half a block", "do not divide into Q4_K blocks of 256", func(w *Writer) { w.AddTensor("t", Q4_K, []uint64{576}, none) }},
		{"unknown type", "type 99 is unknown", func(w *Writer) { w.AddTensor("t", 99, []uint64{1}, none) }},
		{"too little data", `tensor "t": its data has 0 bytes, expected 4`, func(w *Writer) { w.AddTensor("t", F32, []uint64{1}, none) }},
		{"too much data", `its data has 5 bytes, expected 4`, func(w *Writer) {
			w.AddTensor("t", F32, []uint64{1}, From(strings.NewReader("12345")))
		}},
		{"failing data", "disk full", func(w *Writer) {
			w.AddTensor("t", F32, []uint64{1}, func(io.Writer) error { return disk })
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var w Writer
			tt.fill(&w)
			_, err := w.WriteTo(io.Discard)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error is %v, want one with %q", err, tt.want)
			}
		})
	}
}
