package keyspace

import "encoding/binary"

const prefixDoor = 'd'

// DoorKey is the key of the one record of what asked to be let in.
func DoorKey() []byte { return []byte{prefixDoor} }

// Door is what is remembered of requests that were not stored at their first use: two generations of a set of
// bits, of equal length.
type Door struct {
	Count    uint64 // that the younger one was told of
	Old, New []byte
}

// EncodeDoor returns the value of d under key.
func EncodeDoor(key []byte, d *Door) []byte {
	b := make([]byte, 0, 32+len(d.Old)+len(d.New))
	b = binary.LittleEndian.AppendUint64(append(b, recordVersion), d.Count)
	return seal(key, appendBytes(appendBytes(b, d.Old), d.New))
}

// DecodeDoor reads a Door.
func DecodeDoor(key, value []byte) (*Door, error) {
	c, err := open(key, value)
	if err != nil {
		return nil, err
	}
	d := &Door{Count: c.uint64("count")}
	d.Old = append([]byte(nil), c.bytes("old")...)
	d.New = append([]byte(nil), c.bytes("new")...)
	if c.err == nil && len(d.Old) != len(d.New) {
		c.fail("new", "has %d bytes, and old has %d", len(d.New), len(d.Old))
	}
	if err := c.end(); err != nil {
		return nil, err
	}
	return d, nil
}
