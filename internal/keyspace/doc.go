// Package keyspace encodes the keys and values of the store, and nothing else: it opens no file and
// knows no database.
//
//	key := keyspace.EntryKey(id)
//	value := keyspace.EncodeEntry(key, entry)
//	entry, err := keyspace.DecodeEntry(key, value)
//
// Every record has one encoding: what decodes encodes to the same bytes again. Every value ends in a
// checksum over its key and its bytes, so a flipped bit and a value under a wrong key are both
// recognised. Decoders check every length against what is left, allocate no more than a small
// multiple of their input, and never panic; what they refuse is a *CorruptError. docs/formats/store.md
// draws the records.
//
// All functions are safe for concurrent use. Decoded records share no memory with the input.
package keyspace

// Version is the newest format version this package reads, and what it writes for a store that is sealed. One that
// is not has versionPlain, so that older programs go on with it.
const Version = 2

const versionPlain = 1
