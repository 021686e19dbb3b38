package guest

import (
	"encoding/binary"
	"math"
	"slices"
)

// Level is how much a log line matters.
type Level uint32

const (
	Debug Level = iota
	Info
	Warn
	Error
)

// Log writes a line to Kvasir's log.
func Log(level Level, text string) { hostLog(uint32(level), text) }

// Config returns a value of the plugin's configuration, and whether there is one. A text comes as it is,
// anything else as JSON.
func Config(key string) (string, bool) {
	value, ok := fill(nil, func(buf []byte) int32 { return hostConfigGet(key, buf) })
	return string(value), ok
}

// AddMetric adds to a number that Kvasir shows under the plugin's name.
func AddMetric(name string, add float64) { hostMetricAdd(name, add) }

// Fold is a set of changes to a text.
type Fold uint32

const (
	FoldNFC        Fold = 1 << iota // compose characters
	FoldNFKC                        // compose them and replace those that only look different
	FoldCase                        // fold upper and lower case
	FoldSpace                       // one blank for each run of white space, none at the ends
	FoldDiacritics                  // drop marks on letters
)

// AppendFold appends the folded text to dst. ok is false when the host does not know one of the folds.
func AppendFold(dst []byte, text string, fold Fold) (folded []byte, ok bool) {
	return fill(dst, func(buf []byte) int32 { return hostTextFold(uint32(fold), text, buf) })
}

// Unit is what grams are made of.
type Unit uint32

const (
	Char Unit = 0
	Word Unit = 1
)

// Grams are the n-grams of a text, for n from Min to Max, 1 to 8.
type Grams struct {
	Unit     Unit
	Min, Max uint32
}

// AppendSet appends the numbers that stand for the grams of text to dst, ascending and each once. They are
// the same in every call and version of Kvasir that this plugin loads in.
func (g Grams) AppendSet(dst []uint64, text string) (set []uint64, ok bool) {
	work.bytes, ok = fill(work.bytes[:0], func(buf []byte) int32 {
		return hostNgrams(uint32(g.Unit), g.Min, g.Max, text, buf)
	})
	for b := work.bytes; len(b) >= 8; b = b[8:] {
		dst = append(dst, binary.LittleEndian.Uint64(b))
	}
	return dst, ok
}

// Jaccard sets scores[i] to the share of grams that query and candidates[i] have in common. It is about
// ten times as fast as the same in Go. scores has one number for each candidate.
func (g Grams) Jaccard(query string, candidates []string, scores []float32) (ok bool) {
	work.frame = appendScoreFrame(work.frame[:0], query, candidates)
	return fillScores(scores, func(buf []byte) int32 {
		return hostNgramJaccard(uint32(g.Unit), g.Min, g.Max, view(work.frame), buf)
	})
}

// SetJaccard sets scores[i] to the share of numbers that query and candidates[i] have in common. Sets are
// ascending, each number once.
func SetJaccard(query []uint64, candidates [][]uint64, scores []float32) (ok bool) {
	work.frame = appendSetFrame(work.frame[:0], query, candidates)
	return fillScores(scores, func(buf []byte) int32 { return hostSetJaccard(view(work.frame), buf) })
}

func fillScores(scores []float32, call func(buf []byte) int32) bool {
	var ok bool
	work.bytes, ok = fill(work.bytes[:0], call)
	if !ok || len(work.bytes) != 4*len(scores) {
		return false
	}
	for i := range scores {
		scores[i] = math.Float32frombits(binary.LittleEndian.Uint32(work.bytes[4*i:]))
	}
	return true
}

// fill appends to dst what call puts into a buffer. It calls again if the buffer was too small. ok is
// false when call found nothing to put there.
func fill(dst []byte, call func(buf []byte) int32) (filled []byte, ok bool) {
	start := len(dst)
	for {
		buf := dst[start:cap(dst)]
		n := call(buf)
		switch {
		case n < 0:
			return dst, false
		case int(n) <= len(buf):
			return dst[:start+int(n)], true
		}
		dst = slices.Grow(dst, int(n))
	}
}
