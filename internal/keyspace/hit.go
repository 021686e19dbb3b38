package keyspace

import (
	"encoding/binary"
	"hash/crc32"
)

// Hit is a line of a file of hits: an entry served by a process that had the store open for reading only.
// Such files lie beside the store, and are read into it by the next process that opens it for writing.
type Hit struct {
	Entry ID
	When  int64 // unix nanoseconds
	Saved int64 // microseconds that serving saved
	Load  int64 // microseconds that serving took
}

// HitSize is the width of a line, in bytes.
const HitSize = 4*8 + checksumSize

// AppendHit appends the line of h to b.
func AppendHit(b []byte, h Hit) []byte {
	start := len(b)
	b = binary.LittleEndian.AppendUint64(b, uint64(h.Entry))
	for _, n := range []int64{h.When, h.Saved, h.Load} {
		b = appendInt64(b, n)
	}
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b[start:], castagnoli))
}

// DecodeHits reads a file of hits. Lines that are damaged, or cut off at the end, are left out: each counts one
// use, and no more is lost with it.
func DecodeHits(data []byte) []Hit {
	var hits []Hit
	for ; len(data) >= HitSize; data = data[HitSize:] {
		body := data[:HitSize-checksumSize]
		if crc32.Checksum(body, castagnoli) != binary.LittleEndian.Uint32(data[len(body):]) {
			continue
		}
		n := func(field int) int64 { return int64(binary.LittleEndian.Uint64(body[8*field:])) }
		hits = append(hits, Hit{Entry: ID(n(0)), When: n(1), Saved: n(2), Load: n(3)})
	}
	return hits
}
