package gguf

import (
	"fmt"
	"io"
	"math"
	"os"
)

// Open reads the header of the file at path. Errors wrap base.ErrModel and, where the system
// refused, its reason. Of a split model this reads the one file; see Parts.
func Open(path string) (*File, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, openFailed(path, err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, openFailed(path, err)
	}
	if !info.Mode().IsRegular() {
		return nil, refuse("", "model %q is not a file", path)
	}
	f, err := Read(file, info.Size())
	if err != nil {
		return nil, fmt.Errorf("model %q: %w", path, err)
	}
	return f, nil
}

// Read reads the header of a file of size bytes, and checks that the tensor data it describes is
// inside the file. Errors wrap base.ErrModel.
func Read(r io.ReaderAt, size int64) (*File, error) {
	c := newCursor(r, max(0, size))
	f := &File{Size: size, Alignment: defaultAlignment, index: map[string]int{}}
	tensors, keys, err := readStart(c, f)
	if err != nil {
		return nil, err
	}
	if err := readMetadata(c, f, keys); err != nil {
		return nil, err
	}
	if err := setAlignment(f); err != nil {
		return nil, err
	}
	if err := readTensors(c, f, tensors); err != nil {
		return nil, err
	}
	if err := placeTensors(f, c.off); err != nil {
		return nil, err
	}
	return f, nil
}

// readStart reads the magic, the version and the two counts.
func readStart(c *cursor, f *File) (tensors, keys uint64, err error) {
	if err := readMagic(c); err != nil {
		return 0, 0, err
	}
	if f.Version, err = c.uint32(); err != nil {
		return 0, 0, err
	}
	if err := checkVersion(f.Version); err != nil {
		return 0, 0, err
	}
	if tensors, err = c.uint64(); err != nil {
		return 0, 0, err
	}
	if keys, err = c.uint64(); err != nil {
		return 0, 0, err
	}
	if tensors > MaxTensors || keys > MaxKeys {
		return 0, 0, refuse("", "the header claims %d tensors and %d keys, more than %d and %d",
			tensors, keys, MaxTensors, MaxKeys)
	}
	return tensors, keys, nil
}

func readMagic(c *cursor) error {
	if c.size == 0 {
		return refuse(hintAgain, "not a GGUF file: it is empty")
	}
	start := make([]byte, min(4, c.size))
	if err := c.fill(start); err != nil {
		return err
	}
	if string(start) != magic {
		return refuse(hintFor(string(start)), "not a GGUF file: begins with %q", start)
	}
	return nil
}

// hintFor names what people mistake for a GGUF file, by its first four bytes.
func hintFor(start string) string {
	switch start {
	case "PK\x03\x04":
		return "this is a zip archive, perhaps a PyTorch model; convert one with llama.cpp's convert_hf_to_gguf.py"
	case "vers":
		return "this looks like a Git LFS pointer; fetch the file itself with git lfs pull"
	case "<!DO", "<!do", "<htm", "<HTM":
		return "this looks like a web page; download the file itself"
	case "lmgg", "tjgg", "fmgg", "algg":
		return "this is a model from before GGUF; convert it again from its source"
	}
	return "llama.cpp loads models in the GGUF format"
}

func checkVersion(v uint32) error {
	switch {
	case v == 2 || v == 3:
		return nil
	case v != 0 && v&0xffff == 0:
		return refuse("convert it with llama.cpp's gguf_convert_endian.py", "the file is a big-endian GGUF; only little-endian ones can be loaded")
	case v == 1:
		return refuse("convert the model again", "the file is GGUF version 1, which llama.cpp no longer reads")
	}
	return refuse("", "the file is GGUF version %d; versions 2 and 3 are known", v)
}

// setAlignment takes general.alignment, if the file has it.
func setAlignment(f *File) error {
	v, ok := f.Value(alignmentKey)
	if !ok {
		return nil
	}
	n, _ := v.AsUint()
	if v.Type() != TypeUint32 || n == 0 || n&(n-1) != 0 || n > MaxAlignment {
		return refuse("", "key %q: must be a uint32, a power of two and at most %d", alignmentKey, MaxAlignment)
	}
	f.Alignment = int64(n)
	return nil
}

// align rounds n up to a multiple of a power of two, and stays below the largest int64.
func align(n, to int64) int64 {
	if n > math.MaxInt64-to {
		return math.MaxInt64 &^ (to - 1)
	}
	return (n + to - 1) &^ (to - 1)
}
