package keyspace

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// checksumSize is the width of the CRC-32C that ends every value.
const checksumSize = 4

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// seal appends the checksum of key and value to value.
func seal(key, value []byte) []byte {
	return binary.LittleEndian.AppendUint32(value, checksum(key, value))
}

func checksum(key, value []byte) uint32 {
	return crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, value)
}

// unseal checks the checksum and returns value without it.
func unseal(key, value []byte) ([]byte, error) {
	if len(value) < checksumSize {
		reason := fmt.Sprintf("has %d bytes, too few for its checksum", len(value))
		return nil, &CorruptError{Key: key, Field: "value", Reason: reason}
	}
	body, tail := value[:len(value)-checksumSize], value[len(value)-checksumSize:]
	if got, want := checksum(key, body), binary.LittleEndian.Uint32(tail); got != want {
		reason := fmt.Sprintf("is %08x, and the bytes say %08x", want, got)
		return nil, &CorruptError{Key: key, Field: "checksum", Reason: reason}
	}
	return body, nil
}

// open checks the checksum and the version of a record and returns a cursor over its fields.
func open(key, value []byte) (*cursor, error) {
	body, err := unseal(key, value)
	if err != nil {
		return nil, err
	}
	c := &cursor{key: key, data: body}
	if version := c.byte("version"); c.err == nil && version != recordVersion {
		c.fail("version", "is %d, which this format does not have", version)
	}
	return c, c.err
}
