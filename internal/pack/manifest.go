package pack

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// Manifest says what a pack holds, in the order in which it lies there. It is what is signed.
type Manifest struct {
	Kvasir  string  `json:"kvasir"` // "pack"
	Version int     `json:"version"`
	Entries Entries `json:"entries"`
	Chunks  []Chunk `json:"chunks"`
}

// Entries are an export.
type Entries struct {
	Count  int   `json:"count"`
	Bytes  int64 `json:"bytes"`
	SHA256 Hash  `json:"sha256"`
}

// Chunk is the state of some tokens. It has no key: that hangs on the secrets of a store.
type Chunk struct {
	Tenant string        `json:"tenant,omitempty"`
	State  Hash          `json:"state"`  // identity of the state
	Parent int           `json:"parent"` // index of the chunk before it, which comes earlier; -1 for the first of a prompt
	From   int           `json:"from"`   // position of the first token
	Tokens []base.Token  `json:"tokens"`
	Origin base.Origin   `json:"origin"`
	Cost   time.Duration `json:"cost_ns"`
	Bytes  int64         `json:"bytes"` // of the payload
	SHA256 Hash          `json:"sha256"`
}

// Hash is written in hex.
type Hash [32]byte

// MarshalText implements encoding.TextMarshaler.
func (h Hash) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h[:]), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (h *Hash) UnmarshalText(text []byte) error {
	if len(text) != 2*len(h) || !bytes.Equal(bytes.ToLower(text), text) {
		return errors.New("a hash is 64 hex digits in lower case")
	}
	_, err := hex.Decode(h[:], text)
	return err
}

const (
	kind = "pack"
	// MaxPayload bounds the payload of a chunk, in bytes.
	MaxPayload = 1 << 30
)

// decodeManifest reads a manifest, whose bytes nobody changed, and checks it all the same.
func decodeManifest(data []byte) (*Manifest, error) {
	m := &Manifest{}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(m); err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("manifest: there is something after its last brace")
	}
	return m, m.check()
}

func (m *Manifest) check() error {
	switch {
	case m.Kvasir != kind:
		return errors.New("manifest: it is none of a pack")
	case m.Version != Version:
		return fmt.Errorf("manifest: it has version %d; this program knows %d", m.Version, Version)
	case m.Entries.Count < 0 || m.Entries.Bytes < 0:
		return errors.New("manifest: the entries are fewer than none")
	}
	for i := range m.Chunks {
		if err := m.checkChunk(i); err != nil {
			return fmt.Errorf("manifest: chunk %d: %w", i, err)
		}
	}
	return nil
}

// checkChunk refuses a chunk that no state has, or that does not follow the one it names.
func (m *Manifest) checkChunk(i int) error {
	c := &m.Chunks[i]
	switch {
	case len(c.Tokens) < 1 || len(c.Tokens) > base.ChunkTokens:
		return fmt.Errorf("it has %d tokens; a chunk has 1 to %d", len(c.Tokens), base.ChunkTokens)
	case c.Bytes < 1 || c.Bytes > MaxPayload:
		return fmt.Errorf("it has %d bytes; a payload has 1 to %d", c.Bytes, MaxPayload)
	case c.Origin != base.OriginPrefill && c.Origin != base.OriginDecode:
		return fmt.Errorf("its origin %q is none", c.Origin)
	case c.Cost < 0:
		return errors.New("its cost is negative")
	case c.Parent < -1 || c.Parent >= i:
		return fmt.Errorf("it follows chunk %d, which is not before it", c.Parent)
	case c.Parent == -1 && c.From != 0:
		return fmt.Errorf("it begins at token %d and follows nothing", c.From)
	case c.Parent == -1:
		return nil
	}
	p := &m.Chunks[c.Parent]
	if len(p.Tokens) != base.ChunkTokens || p.From+len(p.Tokens) != c.From || p.Tenant != c.Tenant || p.State != c.State {
		return fmt.Errorf("it does not follow chunk %d", c.Parent)
	}
	return nil
}

// size is how long the file has to be, and false if that is more than any file.
func (m *Manifest) size(manifest int) (int64, bool) {
	const most = 1 << 62
	size := int64(headerSize+footerSize) + int64(manifest)
	for _, more := range append([]int64{m.Entries.Bytes}, m.sizes()...) {
		if more > most-size {
			return 0, false
		}
		size += more
	}
	return size, true
}

func (m *Manifest) sizes() []int64 {
	sizes := make([]int64, len(m.Chunks))
	for i := range m.Chunks {
		sizes[i] = m.Chunks[i].Bytes
	}
	return sizes
}
