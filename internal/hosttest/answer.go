package hosttest

import (
	"hash/fnv"
	"math"
	"strings"

	"github.com/kvasir-cache/kvasir/internal/base"
)

var words = strings.Fields(`amber anchor basin birch canyon cedar cinder copper coral delta ember fern
	fjord flint garnet glacier granite harbor hazel heron indigo island ivory jasper juniper lagoon lantern
	linen maple marble meadow mist nectar north oak ocean olive onyx orchard otter pebble pine plume quartz
	raven reed river saffron sage salt shale silver slate sparrow spruce stone thistle timber topaz tundra
	umber valley willow winter`)

// Answer returns what the host answers, greedily, to an effective prompt: the text of Request.Prompt,
// or Template of the messages. It has 4 to 11 words and a full stop, and starts with a small letter.
func Answer(prompt string) string { return answerTokens(Tokens(prompt, true), 0) }

// AnswerMessages returns what the host answers to a conversation.
func AnswerMessages(messages ...base.Message) string { return Answer(Template(messages...)) }

// AnswerSeed returns what the host answers at a temperature above 0 with a seed. Without a seed the
// host counts: the first such request gets seed 1, and so on.
func AnswerSeed(prompt string, seed uint32) string {
	return answerTokens(Tokens(prompt, true), uint64(seed)+1)
}

// answerTokens turns a hash of the prompt's tokens and a salt into words.
func answerTokens(prompt []base.Token, salt uint64) string {
	h := fnv.New64a()
	for _, t := range prompt {
		h.Write([]byte{byte(t), byte(t >> 8), byte(t >> 16), byte(t >> 24)})
	}
	state := h.Sum64() ^ salt*0x9e3779b97f4a7c15
	n := 4 + int(next(&state)%8)
	out := make([]string, n)
	for i := range out {
		out[i] = words[next(&state)%uint64(len(words))]
	}
	return strings.Join(out, " ") + "."
}

// next steps a SplitMix64 generator.
func next(state *uint64) uint64 {
	*state += 0x9e3779b97f4a7c15
	z := *state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// Width is the number of values in an embedding vector.
const Width = 32

// Vector returns the embedding of text: unit length, and close for texts that share words. The empty
// text has the first axis.
func Vector(text string) []float32 {
	sum := make([]float64, Width)
	for _, p := range pieces(text, false) {
		state := uint64(p.id)
		for i := range sum {
			sum[i] += float64(next(&state))/math.MaxUint64 - 0.5
		}
	}
	return unit(sum)
}

func unit(v []float64) []float32 {
	var square float64
	for _, x := range v {
		square += x * x
	}
	if square == 0 {
		v[0], square = 1, 1
	}
	out := make([]float32, len(v))
	for i, x := range v {
		out[i] = float32(x / math.Sqrt(square))
	}
	return out
}
