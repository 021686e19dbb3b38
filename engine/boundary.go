package engine

import (
	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/blob"
)

// boundary says where a prompt may be gone on with so that what follows is what would have followed a prompt
// read from the beginning. The kernels compute other bits for a single token, with flash attention off from a
// position that is no multiple of 4, and with it on for fewer than 64 tokens.
type boundary struct {
	multiple int // of tokens restored
	leave    int // tokens left to read, at least
}

func boundaryOf(flashAttention, near bool) boundary {
	if flashAttention && !near {
		return boundary{multiple: base.ChunkTokens, leave: base.ChunkTokens}
	}
	return boundary{multiple: 4, leave: 2}
}

// most returns how many of n tokens may be restored.
func (b boundary) most(n int) int { return max(0, (n-b.leave)/b.multiple*b.multiple) }

// keysOfChunks returns the keys of the full chunks of tokens, and last that of what is left, if anything is.
func keysOfChunks(seed blob.Key, tokens []base.Token) (keys []blob.Key) {
	for parent := seed; len(tokens) > 0; tokens = tokens[min(base.ChunkTokens, len(tokens)):] {
		parent = blob.NextKey(parent, tokens[:min(base.ChunkTokens, len(tokens))])
		keys = append(keys, parent)
	}
	return keys
}
