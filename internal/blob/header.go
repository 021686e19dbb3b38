package blob

import (
	"encoding/binary"
	"fmt"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// Key names a chunk; see NextKey.
type Key = [32]byte

// Header says what a chunk file holds.
type Header struct {
	ID     [32]byte // identity of the state: model, build, processor, context
	Key    Key
	From   int // position of the first token, a multiple of base.ChunkTokens
	Tokens int // 1 to base.ChunkTokens
	Origin base.Origin
	Sealed bool // the payload is encrypted in the file
}

// HeaderSize is what a file has before its payload, in bytes.
const HeaderSize = 128

const tagSize = 16

// maxPayload bounds a payload. The largest models there are have 30 MiB for a chunk.
const maxPayload = 1 << 30

const (
	magic         = "kvasirKV"
	version       = 1
	versionSealed = 2
)

// Where the fields lie.
const (
	atVersion = 8
	atOrigin  = 12
	atFrom    = 16
	atTokens  = 20
	atLength  = 24
	atID      = 32
	atKey     = 64
	atSalt    = 96
	atTag     = 112
)

var origins = map[base.Origin]uint32{base.OriginPrefill: 1, base.OriginDecode: 2}

// check refuses a header that no file may have.
func (h *Header) check() error {
	switch {
	case h.Tokens < 1 || h.Tokens > base.ChunkTokens:
		return fmt.Errorf("a chunk of %d tokens; it has 1 to %d", h.Tokens, base.ChunkTokens)
	case h.From < 0 || h.From%base.ChunkTokens != 0 || h.From > 1<<31-base.ChunkTokens:
		return fmt.Errorf("a chunk at position %d; it begins at a multiple of %d", h.From, base.ChunkTokens)
	case origins[h.Origin] == 0:
		return fmt.Errorf("a chunk of origin %q, which is none", h.Origin)
	}
	return nil
}

// encode returns the header of a file with the salt, without its tag.
func (h *Header) encode(length int, salt [16]byte) (b [HeaderSize]byte) {
	copy(b[:], magic)
	put := binary.LittleEndian.PutUint32
	put(b[atVersion:], version)
	if h.Sealed {
		put(b[atVersion:], versionSealed)
	}
	put(b[atOrigin:], origins[h.Origin])
	put(b[atFrom:], uint32(h.From))
	put(b[atTokens:], uint32(h.Tokens))
	binary.LittleEndian.PutUint64(b[atLength:], uint64(length))
	copy(b[atID:], h.ID[:])
	copy(b[atKey:], h.Key[:])
	copy(b[atSalt:], salt[:])
	return b
}

// decode reads a header, which nobody has authenticated yet, and returns the length of the payload. size is
// that of the whole file.
func (h *Header) decode(b *[HeaderSize]byte, size int64) (length int, err error) {
	get := binary.LittleEndian.Uint32
	if string(b[:len(magic)]) != magic {
		return 0, damaged("it is no chunk file")
	}
	switch v := get(b[atVersion:]); v {
	case version:
	case versionSealed:
		h.Sealed = true
	default:
		return 0, damaged("it has format version %d; this program knows up to %d", v, versionSealed)
	}
	stated := binary.LittleEndian.Uint64(b[atLength:])
	if stated > maxPayload || int64(stated)+HeaderSize != size {
		return 0, damaged("it has %d bytes, and its header speaks of %d and a payload of %d", size, HeaderSize, stated)
	}
	h.From, h.Tokens = int(get(b[atFrom:])), int(get(b[atTokens:]))
	for origin, number := range origins {
		if number == get(b[atOrigin:]) {
			h.Origin = origin
		}
	}
	copy(h.ID[:], b[atID:])
	copy(h.Key[:], b[atKey:])
	return int(stated), nil
}

// differs says in what a file is not the wanted one. Any origin will do if want names none.
func (h *Header) differs(want *Header) error {
	switch {
	case h.Sealed != want.Sealed:
		return damaged("it is sealed: %t, and files of this store are: %t", h.Sealed, want.Sealed)
	case h.ID != want.ID:
		return damaged("it is of another model, build, processor or setting: %x, not %x", h.ID[:4], want.ID[:4])
	case h.Key != want.Key:
		return damaged("it is another chunk: %x, not %x", h.Key[:4], want.Key[:4])
	case h.From != want.From || h.Tokens != want.Tokens:
		return damaged("it holds tokens %d to %d, not %d to %d", h.From, h.From+h.Tokens, want.From, want.From+want.Tokens)
	case want.Origin != "" && h.Origin != want.Origin:
		return damaged("its origin is %s, not %s", h.Origin, want.Origin)
	}
	return h.check()
}
