package seal

import (
	"bytes"
	"encoding/hex"
	"os"
	"strings"
	"testing"
)

// The files in testdata were made from docs/formats/seal.md and not by this package. No test rewrites them: what is on
// people's disks cannot be rewritten either.
func TestFormat_OpensTheBytesOfVersion1(t *testing.T) {
	content, err := os.ReadFile("testdata/keyring_v1.txt")
	if err != nil {
		t.Fatal(err)
	}
	ring, err := OpenKeyring(content, keyOf(t, keyText))
	if err != nil {
		t.Fatal(err)
	}
	if ring.Store != [16]byte(bytes.Repeat([]byte{0x33}, 16)) || ring.Generation != 7 || ring.Keys() != 1 || ring.data[0].number != 3 {
		t.Errorf("got store %x, generation %d, %d keys", ring.Store, ring.Generation, ring.Keys())
	}
	sealed, box := golden(t, "testdata/value_v1.hex"), ring.Box()
	name := []byte("e\x00\x00\x00\x00\x00\x00\x01\x02")
	if value, err := box.Open(nil, name, sealed); err != nil || string(value) != "an entry" {
		t.Errorf("got %q, %v", value, err)
	}
	if again := box.Seal(nil, 0x0a0b0c0d, name, []byte("an entry")); !bytes.Equal(again[:atNonce], sealed[:atNonce]) {
		t.Errorf("it is sealed as %x, and was %x", again[:atNonce], sealed[:atNonce])
	}
}

// golden reads a file in hex. Text after # is for people.
func golden(t *testing.T, path string) (content []byte) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		b, err := hex.DecodeString(strings.Join(strings.Fields(line), ""))
		if err != nil {
			t.Fatal(err)
		}
		content = append(content, b...)
	}
	return content
}
