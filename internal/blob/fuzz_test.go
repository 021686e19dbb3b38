package blob

import (
	"bytes"
	"errors"
	"testing"
)

// Any bytes are read twice: as they are, and with a right tag, so that the fuzzer reaches what lies behind it.
// Nothing but a damaged file may be the error, and memory is not made for more than is there.
func FuzzRead(f *testing.F) {
	h, payload := sample()
	header := h.encode(len(payload[:40]), [16]byte{1})
	f.Add(append(header[:], payload[:40]...))
	f.Add(golden(f, "chunk_v1"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, content []byte) {
		if err := readBytes(content, h); err == nil {
			t.Fatalf("%x was taken for a file of this store", content)
		}
		if len(content) < HeaderSize {
			return
		}
		signed := bytes.Clone(content)
		tag, err := tagOf(&secret, (*[HeaderSize]byte)(signed), signed[HeaderSize:])
		must(t, err)
		copy(signed[atTag:HeaderSize], tag[:])
		switch err := readBytes(signed, h); {
		case err == nil:
			checkAgain(t, signed)
		case !errors.Is(err, ErrDamaged):
			t.Fatalf("%x: got %v, want ErrDamaged", signed, err)
		}
	})
}

// checkAgain holds that a file that is read is the only one that says what it says.
func checkAgain(t *testing.T, content []byte) {
	t.Helper()
	var h Header
	payload, err := h.read(bytes.NewReader(content), int64(len(content)), &secret, nil)
	must(t, err)
	again := h.encode(len(payload), [16]byte(content[atSalt:]))
	if !bytes.Equal(again[:atTag], content[:atTag]) {
		t.Fatalf("%x is read, but is written as %x", content[:atTag], again[:atTag])
	}
}
