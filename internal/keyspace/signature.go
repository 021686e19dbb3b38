package keyspace

import (
	"crypto/sha256"
	"encoding/binary"
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

// Signature is what the index of a strategy knows of an entry.
type Signature struct {
	// Kind says how the words come from the set, as package ngram numbers it. It is the version of the record.
	Kind  uint8
	Words []uint64
	// Set is the set itself where a plugin made it. Where it is one of n-grams, it is nil: the normal form of
	// the entry gives it again.
	Set []uint64
}

// Kinds of signatures.
const (
	SignaturePresence = 1
	SignatureParity   = 2
)

// SignatureWords returns how many words the signature of a set of so many numbers has.
func SignatureWords(kind uint8, size uint32) int {
	const halves = 2 * 64 // of bits in a word
	n := int64(size)
	if kind == SignatureParity {
		return int((max(2*n+128, 4*n-384) + halves - 1) / halves)
	}
	return int((max(3*n+64, 4*n-192) + halves - 1) / halves)
}

// EncodeSignature returns the value of a signature under key. It must have the words that the size in key
// demands, and all of the set or nothing; another one does not decode.
func EncodeSignature(key []byte, s *Signature) []byte {
	b := make([]byte, 0, 1+8*len(s.Words)+8*len(s.Set)+checksumSize)
	b = append(b, s.Kind)
	for _, w := range s.Words {
		b = binary.LittleEndian.AppendUint64(b, w)
	}
	for _, n := range s.Set {
		b = binary.LittleEndian.AppendUint64(b, n)
	}
	return seal(key, b)
}

// DecodeSignature reads a signature. An empty set comes back as nil.
func DecodeSignature(key, value []byte) (*Signature, error) {
	_, size, _, err := ParseSignatureKey(key)
	if err != nil {
		return nil, err
	}
	body, err := unseal(key, value)
	if err != nil {
		return nil, err
	}
	c := &cursor{key: key, data: body}
	s := &Signature{Kind: c.byte("kind")}
	if s.Kind != SignaturePresence && s.Kind != SignatureParity {
		c.fail("kind", "is %d, which this format does not have", s.Kind)
		return nil, c.err
	}
	n, set := SignatureWords(s.Kind, size), uint64(size)
	switch uint64(c.left()) {
	case 8 * uint64(n):
		set = 0
	case 8*uint64(n) + 8*set:
	default:
		c.fail("words", "have %d bytes, and a set of %d has %d words, alone or with the set", c.left(), size, n)
		return nil, c.err
	}
	s.Words = c.uint64s("words", n)
	s.Set = c.set(int(set))
	return s, c.end()
}

func (c *cursor) uint64s(field string, n int) []uint64 {
	if n == 0 {
		return nil
	}
	numbers := make([]uint64, n) // as many as there are bytes for
	for i := range numbers {
		numbers[i] = c.uint64(field)
	}
	return numbers
}

// set reads n ascending numbers, each once.
func (c *cursor) set(n int) []uint64 {
	set := c.uint64s("set", n)
	for i := 1; i < n; i++ {
		if set[i-1] >= set[i] {
			c.fail("set", "is not ascending, each number once")
		}
	}
	return set
}
