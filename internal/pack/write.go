package pack

import (
	"bufio"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"io"
)

const (
	magic      = "kvasirPK"
	headerSize = 16              // magic, version, zero
	footerSize = 8 + 32 + 64 + 8 // length of the manifest, public key, signature, magic
	signLabel  = "kvasir pack 1"
)

// Writer writes a pack. It is for one goroutine, and its methods are called in the order of their description:
// Entries, Chunk as often as there are, Sign.
type Writer struct {
	out      *bufio.Writer
	manifest Manifest
}

// NewWriter begins a pack.
func NewWriter(out io.Writer) (*Writer, error) {
	w := &Writer{out: bufio.NewWriterSize(out, 1<<20), manifest: Manifest{Kvasir: kind, Version: Version, Chunks: []Chunk{}}}
	header := binary.LittleEndian.AppendUint32([]byte(magic), Version)
	header = binary.LittleEndian.AppendUint32(header, 0)
	_, err := w.out.Write(header)
	return w, err
}

// Entries writes the export that write writes; it returns how many entries that has.
func (w *Writer) Entries(write func(io.Writer) (int, error)) (err error) {
	digest := sha256.New()
	counting := &counter{out: io.MultiWriter(w.out, digest)}
	e := &w.manifest.Entries
	if e.Count, err = write(counting); err != nil {
		return err
	}
	e.Bytes = counting.n
	digest.Sum(e.SHA256[:0])
	return nil
}

// Chunk adds a chunk. Size and hash in c are made from the payload. A chunk that no pack may have is an error,
// after which the pack is of no use.
func (w *Writer) Chunk(c Chunk, payload []byte) error {
	c.Bytes, c.SHA256 = int64(len(payload)), sha256.Sum256(payload)
	w.manifest.Chunks = append(w.manifest.Chunks, c)
	if err := w.manifest.checkChunk(len(w.manifest.Chunks) - 1); err != nil {
		return err
	}
	_, err := w.out.Write(payload)
	return err
}

// Sign writes the manifest and signs it, which ends the pack.
func (w *Writer) Sign(private ed25519.PrivateKey) error {
	manifest, err := json.Marshal(&w.manifest)
	if err != nil {
		return err
	}
	footer := binary.LittleEndian.AppendUint64(manifest, uint64(len(manifest)))
	footer = append(footer, private.Public().(ed25519.PublicKey)...)
	footer = append(footer, ed25519.Sign(private, signed(manifest))...)
	if _, err := w.out.Write(append(footer, magic...)); err != nil {
		return err
	}
	return w.out.Flush()
}

// signed is what is signed: the hash of the manifest, with a label, so that no signature for anything else is one.
func signed(manifest []byte) []byte {
	sum := sha256.Sum256(manifest)
	return append([]byte(signLabel), sum[:]...)
}

type counter struct {
	out io.Writer
	n   int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.out.Write(p)
	c.n += int64(n)
	return n, err
}
