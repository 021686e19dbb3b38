// Package pack reads and writes packs: an export and saved model state in one signed file.
//
//	w, err := pack.NewWriter(file)
//	err = w.Entries(func(w io.Writer) (int, error) { … })
//	err = w.Chunk(meta, payload)
//	err = w.Sign(private)
//
//	p, err := pack.Open(file, size, public)
//	err = p.Entries(func(r io.Reader) error { … })
//	payload, err := p.Chunk(n, buffer)
//
// Open checks the signature and the manifest before anything else is looked at; Entries and Chunk check what
// they return against the hashes in it. docs/formats/pack.md draws the file. The package knows no store and no
// secret of one: whoever takes state from a pack authenticates it anew for its own.
package pack

import "errors"

// Version is the format version this package writes, and the only one it reads.
const Version = 1

// Errors that callers branch on.
var (
	// ErrFormat marks a file that is no pack, is damaged, or has another version.
	ErrFormat = errors.New("no pack of kvasir")
	// ErrSignature marks a pack that the given key did not sign.
	ErrSignature = errors.New("the signature is not that of the key")
)
