package blob

import (
	"bytes"
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// The file in testdata was made from the drawing in docs/formats/blob.md and not by this package. No test
// rewrites it: the files on people's disks cannot be rewritten either.
func TestFormat_ReadsTheBytesOfVersion1(t *testing.T) {
	content := golden(t)
	var got Header
	payload, err := got.read(bytes.NewReader(content), int64(len(content)), &[32]byte{0: 0x5e, 31: 0xc7}, nil)
	must(t, err)
	want := Header{From: 64, Tokens: 3, Origin: base.OriginDecode}
	for i := range want.ID {
		want.ID[i], want.Key[i] = 0x1d, 0xce
	}
	if got != want || string(payload) != "state of three tokens" {
		t.Errorf("got %+v and %q", got, payload)
	}
	salt := [16]byte(content[atSalt:atTag])
	if header := want.encode(len(payload), salt); !bytes.Equal(header[:atTag], content[:atTag]) {
		t.Errorf("the header is written as\n%x, and was\n%x", header[:atTag], content[:atTag])
	}
}

// golden reads the file in hex. Text after # is for people.
func golden(t testing.TB) (content []byte) {
	t.Helper()
	text, err := os.ReadFile("testdata/chunk_v1.hex")
	must(t, err)
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		b, err := hex.DecodeString(strings.Join(strings.Fields(line), ""))
		must(t, err)
		content = append(content, b...)
	}
	return content
}
