package keyspace

import "encoding/binary"

// prefixSnapshot is the first byte of the key of the one Snapshot record.
const prefixSnapshot = 'f'

// Snapshot is what the store knows of the file that its entries were written to last.
type Snapshot struct {
	SHA256   Hash   // of the file
	Size     uint64 // of the file, in bytes
	Modified int64  // when the file system says it was written, unix nanoseconds
	Changes  int64  // of the store when it was written; see engine
	Path     string // absolute, as it was
}

// SnapshotKey is the key of the one Snapshot record.
func SnapshotKey() []byte { return []byte{prefixSnapshot} }

// EncodeSnapshot returns the value of s under key.
func EncodeSnapshot(key []byte, s *Snapshot) []byte {
	b := append([]byte{recordVersion}, s.SHA256[:]...)
	b = binary.LittleEndian.AppendUint64(b, s.Size)
	b = appendInt64(b, s.Modified)
	b = appendInt64(b, s.Changes)
	return seal(key, appendBytes(b, s.Path))
}

// DecodeSnapshot reads a Snapshot.
func DecodeSnapshot(key, value []byte) (*Snapshot, error) {
	c, err := open(key, value)
	if err != nil {
		return nil, err
	}
	s := &Snapshot{
		SHA256:   c.hash("sha256"),
		Size:     c.uint64("size"),
		Modified: c.int64("modified"),
		Changes:  c.int64("changes"),
		Path:     c.string("path"),
	}
	if err := c.end(); err != nil {
		return nil, err
	}
	return s, nil
}
