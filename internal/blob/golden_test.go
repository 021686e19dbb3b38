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
func TestFormat_ReadsTheBytesOfItsVersions(t *testing.T) {
	for name, sealed := range map[string]bool{"chunk_v1": false, "chunk_v2": true} {
		t.Run(name, func(t *testing.T) { readGolden(t, name, sealed) })
	}
}

func readGolden(t *testing.T, name string, sealed bool) {
	content := golden(t, name)
	var got Header
	payload, err := got.read(bytes.NewReader(content), int64(len(content)), &[32]byte{0: 0x5e, 31: 0xc7}, nil)
	must(t, err)
	want := Header{From: 64, Tokens: 3, Origin: base.OriginDecode, Sealed: sealed}
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
func golden(t testing.TB, name string) (content []byte) {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name + ".hex")
	must(t, err)
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		b, err := hex.DecodeString(strings.Join(strings.Fields(line), ""))
		must(t, err)
		content = append(content, b...)
	}
	return content
}
