package keyspace

import (
	"encoding/binary"
	"fmt"
	"strconv"
)

// The first byte of a key says what kind of record it is.
const (
	prefixMeta      = 'm'
	prefixEntry     = 'e'
	prefixUses      = 'u'
	prefixExact     = 'x'
	prefixSignature = 's'
	prefixTotal     = 'c'
	prefixChunk     = 'k'
	prefixChunkUses = 'r'
	prefixSeen      = 'o'
)

// Hash is the digest that names a namespace, a request or a model.
type Hash = [32]byte

// ID names an entry. It is given out once in the life of a store, counting up from 1.
type ID uint64

// String returns the id in hex, as people see and type it.
func (id ID) String() string { return strconv.FormatUint(uint64(id), 16) }

// ParseID reads what String wrote. Upper case and leading zeros are taken too.
func ParseID(s string) (ID, error) {
	n, err := strconv.ParseUint(s, 16, 64)
	if err != nil {
		return 0, fmt.Errorf("entry id %q is not a number in hex", s)
	}
	return ID(n), nil
}

// MetaKey is the key of the one Meta record.
func MetaKey() []byte { return []byte{prefixMeta} }

// EntryKey is the key of an Entry. Keys order like ids.
func EntryKey(id ID) []byte { return idKey(prefixEntry, id) }

// UsesKey is the key of the Uses of an entry.
func UsesKey(id ID) []byte { return idKey(prefixUses, id) }

// ExactKey is the key under which the exact index holds an entry's id.
func ExactKey(namespace, exact Hash) []byte {
	key := make([]byte, 0, 1+2*len(namespace))
	key = append(key, prefixExact)
	key = append(key, namespace[:]...)
	return append(key, exact[:]...)
}

// TotalKey is the key of a running total. An empty name makes a key that does not parse.
func TotalKey(name string) []byte { return append([]byte{prefixTotal}, name...) }

// EntryPrefix is what every entry key begins with. The other prefixes are alike.
func EntryPrefix() []byte { return []byte{prefixEntry} }

// UsesPrefix is what every use counter's key begins with.
func UsesPrefix() []byte { return []byte{prefixUses} }

// ExactPrefix is what every key of the exact index begins with.
func ExactPrefix() []byte { return []byte{prefixExact} }

// TotalPrefix is what every total's key begins with.
func TotalPrefix() []byte { return []byte{prefixTotal} }

// ParseEntryKey returns the id in an entry key.
func ParseEntryKey(key []byte) (ID, error) { return parseIDKey(prefixEntry, key) }

// ParseUsesKey returns the id in a use counter's key.
func ParseUsesKey(key []byte) (ID, error) { return parseIDKey(prefixUses, key) }

// ParseExactKey returns the namespace and the exact key in a key of the exact index.
func ParseExactKey(key []byte) (namespace, exact Hash, err error) {
	if err := checkKey(prefixExact, 1+len(namespace)+len(exact), key); err != nil {
		return namespace, exact, err
	}
	copy(namespace[:], key[1:])
	copy(exact[:], key[1+len(namespace):])
	return namespace, exact, nil
}

// ParseTotalKey returns the name in a total's key.
func ParseTotalKey(key []byte) (string, error) {
	if len(key) < 2 {
		return "", &CorruptError{Key: key, Field: "key", Reason: "has no name"}
	}
	if err := checkKey(prefixTotal, len(key), key); err != nil {
		return "", err
	}
	return string(key[1:]), nil
}

// idKey puts the most significant byte first, so that keys order like ids.
func idKey(prefix byte, id ID) []byte {
	return binary.BigEndian.AppendUint64([]byte{prefix}, uint64(id))
}

func parseIDKey(prefix byte, key []byte) (ID, error) {
	if err := checkKey(prefix, 1+8, key); err != nil {
		return 0, err
	}
	return ID(binary.BigEndian.Uint64(key[1:])), nil
}

func checkKey(prefix byte, size int, key []byte) error {
	if len(key) != size {
		return &CorruptError{Key: key, Field: "key", Reason: fmt.Sprintf("has %d bytes, not %d", len(key), size)}
	}
	if key[0] != prefix {
		return &CorruptError{Key: key, Field: "key", Reason: fmt.Sprintf("does not begin with %q", prefix)}
	}
	return nil
}
