package keyspace

import (
	"encoding/binary"
)

// recordVersion is the first byte of every value but Meta's.
const recordVersion = 1

// Meta describes the store. There is one, written when the store is made.
type Meta struct {
	Store   [16]byte // random, tells stores apart
	Created int64    // unix nanoseconds
	NextID  ID       // every id given out so far is below; ids between the last one and this were skipped
	Seal    Seal
}

// Seal says whether the other records are sealed. The zero value says that they are not.
type Seal struct {
	Scheme     SealScheme
	Goal       SealGoal
	Generation uint64 // of the keyring, or a later one
}

// SealScheme says how records are sealed.
type SealScheme uint8

// Schemes there are.
const (
	SealNone    SealScheme = 0
	SealXChaCha SealScheme = 1 // package seal
)

// SealGoal says what records are on their way to be, while not all of them are.
type SealGoal uint8

// Goals there are.
const (
	SealSettled SealGoal = 0 // all records are what the scheme says
	SealOn      SealGoal = 1 // sealed, from plain
	SealOff     SealGoal = 2 // plain, from sealed
	SealRenew   SealGoal = 3 // sealed by a new data key
)

// EncodeMeta returns the value of m under key, at the lowest format version that has room for it.
func EncodeMeta(key []byte, m *Meta) []byte {
	version := uint32(versionPlain)
	if m.Seal != (Seal{}) {
		version = Version
	}
	b := binary.LittleEndian.AppendUint32(nil, version)
	b = append(b, m.Store[:]...)
	b = appendInt64(b, m.Created)
	b = binary.LittleEndian.AppendUint64(b, uint64(m.NextID))
	if version == Version {
		b = append(b, byte(m.Seal.Scheme), byte(m.Seal.Goal))
		b = binary.LittleEndian.AppendUint64(b, m.Seal.Generation)
	}
	return seal(key, b)
}

// DecodeMeta reads a Meta. A format version above Version is a *NewerError.
func DecodeMeta(key, value []byte) (*Meta, error) {
	body, err := unseal(key, value)
	if err != nil {
		return nil, err
	}
	c := &cursor{key: key, data: body}
	version, err := checkFormat(c)
	if err != nil {
		return nil, err
	}
	m := &Meta{}
	copy(m.Store[:], c.take("store id", uint64(len(m.Store))))
	m.Created = c.int64("created")
	m.NextID = ID(c.uint64("next id"))
	if version == Version {
		m.Seal = c.seal()
	}
	if err := c.end(); err != nil {
		return nil, err
	}
	return m, nil
}

func (c *cursor) seal() Seal {
	s := Seal{Scheme: SealScheme(c.byte("scheme")), Goal: SealGoal(c.byte("goal")), Generation: c.uint64("generation")}
	switch {
	case c.err != nil:
	case s.Scheme != SealXChaCha:
		c.fail("scheme", "is %d, which this format does not have", s.Scheme)
	case s.Goal > SealRenew:
		c.fail("goal", "is %d, which this format does not have", s.Goal)
	}
	return s
}

// checkFormat reads the one field that keeps its place in every format to come.
func checkFormat(c *cursor) (version uint32, err error) {
	b := c.take("format version", 4)
	if b == nil {
		return 0, c.err
	}
	switch version = binary.LittleEndian.Uint32(b); {
	case version > Version:
		return 0, &NewerError{Found: version}
	case version < versionPlain:
		c.fail("format version", "is %d, which never was one", version)
	}
	return version, c.err
}

// EncodeExact returns the value under a key of the exact index: the id of the entry it leads to.
func EncodeExact(key []byte, id ID) []byte {
	return seal(key, binary.LittleEndian.AppendUint64([]byte{recordVersion}, uint64(id)))
}

// DecodeExact reads the id that a key of the exact index leads to.
func DecodeExact(key, value []byte) (ID, error) {
	n, err := decodeNumber(key, value, "id")
	return ID(n), err
}

// EncodeTotal returns the value of a running total under key.
func EncodeTotal(key []byte, total int64) []byte {
	return seal(key, appendInt64([]byte{recordVersion}, total))
}

// DecodeTotal reads a running total.
func DecodeTotal(key, value []byte) (int64, error) {
	n, err := decodeNumber(key, value, "total")
	return int64(n), err
}

func decodeNumber(key, value []byte, field string) (uint64, error) {
	c, err := open(key, value)
	if err != nil {
		return 0, err
	}
	n := c.uint64(field)
	if err := c.end(); err != nil {
		return 0, err
	}
	return n, nil
}
