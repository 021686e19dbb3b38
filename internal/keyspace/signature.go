package keyspace

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

// Group names the entries of one namespace under one generation of a strategy, in the keys of their
// signatures. It is short, so that two groups may share a name, though hardly ever: whoever finds an entry
// by its signature checks that its namespace is the right one.
type Group = [8]byte

// GroupOf returns the name of a group.
func GroupOf(namespace Hash, generation [16]byte) (g Group) {
	sum := sha256.Sum256(append(namespace[:], generation[:]...))
	copy(g[:], sum[:])
	return g
}

const signatureKeySize = 1 + len(Group{}) + 4 + 8

// SignatureKey is the key of the signature of an entry whose set has so many grams. Keys order by group,
// then by size, then by id.
func SignatureKey(group Group, size uint32, id ID) []byte {
	key := make([]byte, 0, signatureKeySize)
	key = append(key, prefixSignature)
	key = append(key, group[:]...)
	key = binary.BigEndian.AppendUint32(key, size)
	return binary.BigEndian.AppendUint64(key, uint64(id))
}

// SignaturePrefix is what every signature's key begins with.
func SignaturePrefix() []byte { return []byte{prefixSignature} }

// ParseSignatureKey returns the group, the size and the id in a signature's key.
func ParseSignatureKey(key []byte) (group Group, size uint32, id ID, err error) {
	if err := checkKey(prefixSignature, signatureKeySize, key); err != nil {
		return group, 0, 0, err
	}
	copy(group[:], key[1:])
	rest := key[1+len(group):]
	return group, binary.BigEndian.Uint32(rest), ID(binary.BigEndian.Uint64(rest[4:])), nil
}

// SignatureWords returns how many words the signature of a set of so many grams has.
func SignatureWords(size uint32) int {
	const halves = 2 * 64 // of bits in a word
	n := int64(size)
	return int((max(3*n+64, 4*n-192) + halves - 1) / halves)
}

// EncodeSignature returns the value of a signature under key. It must have the words that the size in key
// demands; another one does not decode.
func EncodeSignature(key []byte, words []uint64) []byte {
	b := make([]byte, 0, 1+8*len(words)+checksumSize)
	b = append(b, recordVersion)
	for _, w := range words {
		b = binary.LittleEndian.AppendUint64(b, w)
	}
	return seal(key, b)
}

// DecodeSignature reads a signature.
func DecodeSignature(key, value []byte) ([]uint64, error) {
	_, size, _, err := ParseSignatureKey(key)
	if err != nil {
		return nil, err
	}
	c, err := open(key, value)
	if err != nil {
		return nil, err
	}
	if n := SignatureWords(size); c.left() != 8*n {
		reason := fmt.Sprintf("have %d bytes, and a set of %d has %d words", c.left(), size, n)
		return nil, &CorruptError{Key: key, Field: "words", Reason: reason}
	}
	words := make([]uint64, c.left()/8)
	for i := range words {
		words[i] = c.uint64("words")
	}
	return words, c.end()
}
