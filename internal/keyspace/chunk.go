package keyspace

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// Chunk is what is known of a file of saved state. Its key names the file.
type Chunk struct {
	Parent  Hash // key of the chunk before it; the seed of its prompts for the first
	State   Hash // identity of the state
	From    uint32
	Tokens  []base.Token
	Origin  ChunkOrigin
	Bytes   uint64        // of the file
	Cost    time.Duration // what computing it took, which a restore saves
	Created int64         // unix nanoseconds
}

// ChunkOrigin says how the state of a chunk was computed.
type ChunkOrigin byte

// Origins there are.
const (
	ChunkPrefill ChunkOrigin = 1
	ChunkDecode  ChunkOrigin = 2
)

// ChunkUses counts how often a chunk was restored. It is a record of its own, so that a restore does not
// rewrite the chunk.
type ChunkUses struct {
	Count  uint64
	Weight float64 // uses, of which older ones count less, as of Last; not negative
	Last   int64   // unix nanoseconds of the latest use
}

// ChunkKey is the key of a Chunk.
func ChunkKey(key Hash) []byte { return hashKey(prefixChunk, key) }

// ChunkUsesKey is the key of the ChunkUses of a chunk.
func ChunkUsesKey(key Hash) []byte { return hashKey(prefixChunkUses, key) }

// SeenKey is the key of the time at which a chunk was computed and not saved.
func SeenKey(key Hash) []byte { return hashKey(prefixSeen, key) }

// ChunkPrefix is what every chunk's key begins with.
func ChunkPrefix() []byte { return []byte{prefixChunk} }

// ChunkUsesPrefix is what every key of the uses of a chunk begins with.
func ChunkUsesPrefix() []byte { return []byte{prefixChunkUses} }

// SeenPrefix is what every key of a chunk that was seen begins with.
func SeenPrefix() []byte { return []byte{prefixSeen} }

// ParseChunkKey returns the key of the chunk in a key of the store.
func ParseChunkKey(key []byte) (Hash, error) { return parseHashKey(prefixChunk, key) }

// ParseChunkUsesKey returns the key of the chunk in a key of the store.
func ParseChunkUsesKey(key []byte) (Hash, error) { return parseHashKey(prefixChunkUses, key) }

// ParseSeenKey returns the key of the chunk in a key of the store.
func ParseSeenKey(key []byte) (Hash, error) { return parseHashKey(prefixSeen, key) }

func hashKey(prefix byte, h Hash) []byte { return append([]byte{prefix}, h[:]...) }

func parseHashKey(prefix byte, key []byte) (h Hash, err error) {
	if err := checkKey(prefix, 1+len(h), key); err != nil {
		return h, err
	}
	copy(h[:], key[1:])
	return h, nil
}

// EncodeChunk returns the value of c under key.
func EncodeChunk(key []byte, c *Chunk) []byte {
	b := make([]byte, 0, 128+3*len(c.Tokens))
	b = append(b, recordVersion)
	b = append(b, c.Parent[:]...)
	b = append(b, c.State[:]...)
	b = binary.LittleEndian.AppendUint64(b, c.Bytes)
	b = appendInt64(b, int64(c.Cost))
	b = appendInt64(b, c.Created)
	b = append(b, byte(c.Origin))
	b = binary.AppendUvarint(b, uint64(c.From))
	b = appendTokens(b, c.Tokens)
	return seal(key, b)
}

// DecodeChunk reads a Chunk.
func DecodeChunk(key, value []byte) (*Chunk, error) {
	c, err := open(key, value)
	if err != nil {
		return nil, err
	}
	chunk := &Chunk{
		Parent:  c.hash("parent"),
		State:   c.hash("state id"),
		Bytes:   c.uint64("bytes"),
		Cost:    time.Duration(c.int64("cost")),
		Created: c.int64("created"),
		Origin:  ChunkOrigin(c.byte("origin")),
		From:    c.uint32("from"),
		Tokens:  c.tokens("tokens"),
	}
	switch {
	case c.err != nil:
	case chunk.Origin != ChunkPrefill && chunk.Origin != ChunkDecode:
		c.fail("origin", "is %d, which is none", chunk.Origin)
	case len(chunk.Tokens) == 0 || len(chunk.Tokens) > base.ChunkTokens:
		c.fail("tokens", "are %d; a chunk has 1 to %d", len(chunk.Tokens), base.ChunkTokens)
	case chunk.From%base.ChunkTokens != 0:
		c.fail("from", "is %d, no multiple of %d", chunk.From, base.ChunkTokens)
	case chunk.Bytes > math.MaxInt64 || chunk.Cost < 0:
		c.fail("bytes", "are %d, and the cost is %d", chunk.Bytes, chunk.Cost)
	}
	if err := c.end(); err != nil {
		return nil, err
	}
	return chunk, nil
}

// EncodeChunkUses returns the value of u under key.
func EncodeChunkUses(key []byte, u ChunkUses) []byte {
	b := binary.LittleEndian.AppendUint64([]byte{recordVersion}, u.Count)
	b = binary.LittleEndian.AppendUint64(b, math.Float64bits(u.Weight))
	return seal(key, appendInt64(b, u.Last))
}

// DecodeChunkUses reads a ChunkUses.
func DecodeChunkUses(key, value []byte) (ChunkUses, error) {
	c, err := open(key, value)
	if err != nil {
		return ChunkUses{}, err
	}
	u := ChunkUses{Count: c.uint64("count"), Weight: math.Float64frombits(c.uint64("weight")), Last: c.int64("last")}
	if c.err == nil && !(u.Weight >= 0 && u.Weight <= math.MaxFloat64) {
		c.fail("weight", "is %v", u.Weight)
	}
	if err := c.end(); err != nil {
		return ChunkUses{}, err
	}
	return u, nil
}

// EncodeSeen returns the value under a key of a chunk that was seen: when, in unix nanoseconds.
func EncodeSeen(key []byte, when int64) []byte { return EncodeTotal(key, when) }

// DecodeSeen reads when a chunk was seen.
func DecodeSeen(key, value []byte) (int64, error) {
	n, err := decodeNumber(key, value, "seen")
	return int64(n), err
}
