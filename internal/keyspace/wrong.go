package keyspace

import "encoding/binary"

// prefixWrong is the first byte of the key of a Wrong.
const prefixWrong = 'n'

// Wrong says that the answer of an entry is wrong for a prompt. It is about the entry of a request, whatever id
// that has now, so it outlives the entry.
type Wrong struct {
	When   int64  // unix nanoseconds
	Entry  ID     // that the request had then
	Prompt string // that the answer is wrong for
	Asked  string // the prompt of the entry
	// Retired is the value of the entry, under the key of Entry, if this took it out of service; else nil.
	Retired []byte
	// Uses is the value of the use counter it had then, under the key of Entry's; nil where nobody noted it.
	Uses []byte
}

// wrongVersionUses is a record with the use counter of what was retired.
const wrongVersionUses = 2

// WrongKey is the key of a Wrong: of the entry of a request, for the prompt of another request in the same
// namespace, or the same one. Both are digests as in ExactKey.
func WrongKey(namespace, entry, prompt Hash) []byte {
	return append(WrongEntryPrefix(namespace, entry), prompt[:]...)
}

// WrongEntryPrefix is what the keys of all that is wrong of one entry begin with.
func WrongEntryPrefix(namespace, entry Hash) []byte {
	key := make([]byte, 0, 1+3*len(namespace))
	key = append(key, prefixWrong)
	key = append(key, namespace[:]...)
	return append(key, entry[:]...)
}

// WrongPrefix is what every key of a Wrong begins with.
func WrongPrefix() []byte { return []byte{prefixWrong} }

// ParseWrongKey returns what WrongKey was given.
func ParseWrongKey(key []byte) (namespace, entry, prompt Hash, err error) {
	if err := checkKey(prefixWrong, 1+3*len(namespace), key); err != nil {
		return namespace, entry, prompt, err
	}
	copy(namespace[:], key[1:])
	copy(entry[:], key[1+len(namespace):])
	copy(prompt[:], key[1+2*len(namespace):])
	return namespace, entry, prompt, nil
}

// EncodeWrong returns the value of w under key: of version 2 where the use counter is known, else of version 1.
func EncodeWrong(key []byte, w *Wrong) []byte {
	version := byte(recordVersion)
	if len(w.Uses) > 0 {
		version = wrongVersionUses
	}
	b := appendInt64([]byte{version}, w.When)
	b = binary.LittleEndian.AppendUint64(b, uint64(w.Entry))
	b = appendBytes(b, w.Prompt)
	b = appendBytes(b, w.Asked)
	b = appendBytes(b, w.Retired)
	if version == wrongVersionUses {
		b = appendBytes(b, w.Uses)
	}
	return seal(key, b)
}

// DecodeWrong reads a Wrong of either version. No retired entry comes back as nil.
func DecodeWrong(key, value []byte) (*Wrong, error) {
	body, err := unseal(key, value)
	if err != nil {
		return nil, err
	}
	c := &cursor{key: key, data: body}
	version := c.byte("version")
	if c.err == nil && version != recordVersion && version != wrongVersionUses {
		c.fail("version", "is %d, which this format does not have", version)
	}
	w := &Wrong{
		When:    c.int64("when"),
		Entry:   ID(c.uint64("entry")),
		Prompt:  c.string("prompt"),
		Asked:   c.string("asked"),
		Retired: append([]byte(nil), c.bytes("retired")...),
	}
	if version == wrongVersionUses {
		if w.Uses = append([]byte(nil), c.bytes("uses")...); w.Uses == nil {
			c.fail("uses", "are empty, which version 1 is for")
		}
	}
	if err := c.end(); err != nil {
		return nil, err
	}
	return w, nil
}
