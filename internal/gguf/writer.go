package gguf

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
)

// Writer collects a header and tensors and writes them as a GGUF file, version 3. Tensor data is
// aligned to 32 bytes, or to general.alignment where the metadata has it. The zero Writer is empty
// and ready. It is not safe for concurrent use.
type Writer struct {
	keys    []KV
	tensors []outTensor
}

// outTensor is a tensor to be written and where its data comes from.
type outTensor struct {
	Tensor
	data func(io.Writer) error
}

// Add appends a key to the metadata.
func (w *Writer) Add(key string, v Value) { w.keys = append(w.keys, KV{Key: key, Value: v}) }

// AddTensor appends a tensor. dims begins with the row length. WriteTo calls data once, in the
// order of the tensors, and fails unless it writes exactly as many bytes as the shape asks for.
func (w *Writer) AddTensor(name string, t TensorType, dims []uint64, data func(io.Writer) error) {
	w.tensors = append(w.tensors, outTensor{Tensor: Tensor{Name: name, Type: t, Dims: dims}, data: data})
}

// From makes tensor data for AddTensor from a reader, which is read to its end.
func From(r io.Reader) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.Copy(w, r)
		return err
	}
}

// WriteTo writes the file and returns how many bytes it wrote. It buffers.
func (w *Writer) WriteTo(to io.Writer) (int64, error) {
	alignment, err := w.check()
	if err != nil {
		return 0, err
	}
	out := &counter{w: bufio.NewWriterSize(to, 256<<10)}
	if _, err := out.Write(w.header(alignment)); err != nil {
		return out.n, err
	}
	for i := range w.tensors {
		if err := w.tensors[i].write(out, alignment); err != nil {
			return out.n, fmt.Errorf("tensor %q: %w", w.tensors[i].Name, err)
		}
	}
	return out.n, out.w.Flush()
}

// check sizes and places the tensors, and refuses what a reader would refuse.
func (w *Writer) check() (alignment int64, err error) {
	f := &File{Alignment: defaultAlignment, index: map[string]int{}}
	for i, kv := range w.keys {
		if _, twice := f.index[kv.Key]; twice || kv.Key == "" || len(kv.Key) > MaxKey {
			return 0, fmt.Errorf("key %q is empty, too long or there twice", kv.Key)
		}
		f.index[kv.Key] = i
	}
	f.Metadata = w.keys
	if err := setAlignment(f); err != nil {
		return 0, err
	}
	return f.Alignment, w.place(f.Alignment)
}

func (w *Writer) place(alignment int64) error {
	next, seen := int64(0), map[string]bool{}
	for i := range w.tensors {
		t := &w.tensors[i]
		if seen[t.Name] || t.Name == "" || len(t.Name) > MaxName || len(t.Dims) > maxDims {
			return fmt.Errorf("tensor %q is there twice, or its name or number of dimensions is out of range", t.Name)
		}
		seen[t.Name] = true
		size, err := t.Type.bytes(t.Dims)
		if err != nil {
			return fmt.Errorf("tensor %q: %w", t.Name, err)
		}
		t.Bytes, t.Offset = size, next
		next = align(saturatingAdd(next, size), alignment)
	}
	return nil
}

func (w *Writer) header(alignment int64) []byte {
	h := binary.LittleEndian.AppendUint32([]byte(magic), 3)
	h = binary.LittleEndian.AppendUint64(h, uint64(len(w.tensors)))
	h = binary.LittleEndian.AppendUint64(h, uint64(len(w.keys)))
	for _, kv := range w.keys {
		h = kv.Value.append(appendString(h, kv.Key))
	}
	for i := range w.tensors {
		h = w.tensors[i].append(h)
	}
	if len(w.tensors) == 0 {
		return h
	}
	return append(h, make([]byte, align(int64(len(h)), alignment)-int64(len(h)))...)
}

// append encodes the description of t, as it stands in the header.
func (t *Tensor) append(to []byte) []byte {
	to = binary.LittleEndian.AppendUint32(appendString(to, t.Name), uint32(len(t.Dims)))
	for _, d := range t.Dims {
		to = binary.LittleEndian.AppendUint64(to, d)
	}
	to = binary.LittleEndian.AppendUint32(to, uint32(t.Type))
	return binary.LittleEndian.AppendUint64(to, uint64(t.Offset))
}

// write writes the data of t and the padding after it.
func (t *outTensor) write(out *counter, alignment int64) error {
	start := out.n
	if err := t.data(out); err != nil {
		return err
	}
	if got := out.n - start; got != t.Bytes {
		return fmt.Errorf("its data has %d bytes, expected %d", got, t.Bytes)
	}
	_, err := out.Write(make([]byte, align(t.Bytes, alignment)-t.Bytes))
	return err
}

// counter is a buffered writer that counts.
type counter struct {
	w *bufio.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
