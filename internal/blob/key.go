package blob

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// NextKey returns the key of the chunk of tokens that follows the chunk with the key parent; the first
// chunk of a prompt follows the seed. A key thus names the tokens and everything before them, never the
// bytes of a computed state, which differ in their last bits from run to run.
//
// It is SHA-256 over the label "kvasir chunk 1", the parent, and each token as u32, little-endian.
func NextKey(parent [32]byte, tokens []base.Token) [32]byte {
	pre := make([]byte, 0, len(chunkLabel)+len(parent)+4*len(tokens))
	pre = append(pre, chunkLabel...)
	pre = append(pre, parent[:]...)
	for _, t := range tokens {
		pre = binary.LittleEndian.AppendUint32(pre, uint32(t))
	}
	return sha256.Sum256(pre)
}

const chunkLabel = "kvasir chunk 1"
