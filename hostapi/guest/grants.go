package guest

import "encoding/binary"

// What follows needs a grant in the plugin's configuration. A module that uses a function without its
// grant is refused when it is loaded, and one with a pure role never gets GrantKV, GrantNow or
// GrantRandom.

// AppendTokens appends the model's tokens of text to dst. It needs the grant "tokenize". ok is false while
// there is no model that could say.
func AppendTokens(dst []int32, text string) (tokens []int32, ok bool) {
	work.bytes, ok = fill(work.bytes[:0], func(buf []byte) int32 { return hostTokenize(text, buf) })
	for b := work.bytes; len(b) >= 4; b = b[4:] {
		dst = append(dst, int32(binary.LittleEndian.Uint32(b)))
	}
	return dst, ok
}

// Load appends the value of key to dst, and says whether there is one. It needs the grant "kv".
func Load(dst []byte, key string) (value []byte, ok bool) {
	return fill(dst, func(buf []byte) int32 { return hostKVGet(key, buf) })
}

// Store keeps value under key; an empty one deletes it. It needs the grant "kv". ok is false when the host
// keeps no more.
func Store(key string, value []byte) (ok bool) { return hostKVPut(key, value) >= 0 }

// NowMS is the time in milliseconds since 1970 began in UTC. It needs the grant "now".
func NowMS() int64 { return hostNowMS() }

// Random fills b. It needs the grant "random".
func Random(b []byte) { hostRandom(b) }
