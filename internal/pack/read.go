package pack

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// maxManifest bounds a manifest; a chunk takes about 500 bytes of it.
const maxManifest = 256 << 20

// Pack is a pack whose signature is right. Its methods may be called from many goroutines if the file's may.
type Pack struct {
	Manifest
	file    io.ReaderAt
	entries int64   // where they begin
	chunks  []int64 // where each begins
}

// Open checks the signature of a pack by the key that is trusted, and its manifest. Errors wrap ErrSignature or
// ErrFormat.
func Open(file io.ReaderAt, size int64, trusted ed25519.PublicKey) (*Pack, error) {
	data, err := readManifest(file, size, trusted)
	if err != nil {
		return nil, err
	}
	m, err := decodeManifest(data)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if want, ok := m.size(len(data)); !ok || want != size {
		return nil, malformed("it has %d bytes, and its manifest speaks of %d", size, want)
	}
	p := &Pack{Manifest: *m, file: file, entries: headerSize, chunks: make([]int64, len(m.Chunks))}
	at := p.entries + m.Entries.Bytes
	for i := range m.Chunks {
		p.chunks[i] = at
		at += m.Chunks[i].Bytes
	}
	return p, nil
}

// readManifest returns the bytes of the manifest if the trusted key signed them.
func readManifest(file io.ReaderAt, size int64, trusted ed25519.PublicKey) ([]byte, error) {
	if size < headerSize+footerSize {
		return nil, malformed("it has %d bytes, too few for one", size)
	}
	var header [headerSize]byte
	var footer [footerSize]byte
	if _, err := file.ReadAt(header[:], 0); err != nil {
		return nil, err
	}
	if _, err := file.ReadAt(footer[:], size-footerSize); err != nil {
		return nil, err
	}
	length := binary.LittleEndian.Uint64(footer[:])
	switch version := binary.LittleEndian.Uint32(header[8:]); {
	case string(header[:8]) != magic:
		return nil, malformed("it does not begin like one")
	case version != Version:
		return nil, malformed("it has format version %d; this program knows %d", version, Version)
	case binary.LittleEndian.Uint32(header[12:]) != 0:
		return nil, malformed("a reserved field is not 0")
	case string(footer[104:]) != magic:
		return nil, malformed("it does not end like one; it may be cut off")
	case length > maxManifest || int64(length) > size-headerSize-footerSize:
		return nil, malformed("its manifest has %d bytes", length)
	}
	manifest := make([]byte, length)
	if _, err := file.ReadAt(manifest, size-footerSize-int64(length)); err != nil {
		return nil, err
	}
	public, signature := ed25519.PublicKey(footer[8:40]), footer[40:104]
	if !public.Equal(trusted) {
		return nil, &base.Error{Sentinel: ErrSignature, Message: "the pack is signed by another key: " + Fingerprint(public),
			Hint: "--key names the public key of whoever made it"}
	}
	if !ed25519.Verify(trusted, signed(manifest), signature) {
		return nil, &base.Error{Sentinel: ErrSignature, Message: "the signature of the pack is wrong: it was changed after it was signed"}
	}
	return manifest, nil
}

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrFormat, fmt.Sprintf(format, args...))
}

// ReadEntries calls f with the export. It is read whole before f's verdict counts: an error that wraps ErrFormat
// means that its bytes are not those that were signed, whatever f made of them.
func (p *Pack) ReadEntries(f func(io.Reader) error) error {
	digest := sha256.New()
	section := io.TeeReader(io.NewSectionReader(p.file, p.entries, p.Entries.Bytes), digest)
	err := f(section)
	if _, rest := io.Copy(io.Discard, section); rest != nil {
		return errors.Join(err, rest)
	}
	if Hash(digest.Sum(nil)) != p.Entries.SHA256 {
		return malformed("its entries are not those that were signed")
	}
	return err
}

// Chunk returns the payload of a chunk, in the memory of into if that has room.
func (p *Pack) Chunk(n int, into []byte) ([]byte, error) {
	c := &p.Chunks[n]
	if int64(cap(into)) < c.Bytes {
		into = make([]byte, c.Bytes)
	}
	payload := into[:c.Bytes]
	if _, err := p.file.ReadAt(payload, p.chunks[n]); err != nil {
		return nil, err
	}
	if Hash(sha256.Sum256(payload)) != c.SHA256 {
		return nil, malformed("chunk %d is not the one that was signed", n)
	}
	return payload, nil
}
