package hostapi

import (
	"encoding/binary"
	"fmt"
	"math"
	"unicode/utf8"
)

// Frames are little-endian. docs/plugins/abi.md draws them.
//
//	score in      u32 n, u32 flags = 0, u32 query length, n × u32 length, query, n texts
//	score out     n × f32
//	features in   u32 n, n × u32 length, n texts
//	features out  u32 n, n × u32 count, zeros to a multiple of 8, n ascending lists of u64

// AppendScoreFrame appends the input of kvasir_score to b.
func AppendScoreFrame(b []byte, query string, candidates []string) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(len(candidates)))
	b = binary.LittleEndian.AppendUint32(b, 0)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(query)))
	return appendTexts(b, candidates, query)
}

// AppendFeaturesFrame appends the input of kvasir_features to b.
func AppendFeaturesFrame(b []byte, texts []string) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(len(texts)))
	return appendTexts(b, texts, "")
}

// appendTexts appends the lengths of texts, then first and the texts.
func appendTexts(b []byte, texts []string, first string) []byte {
	for _, t := range texts {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(t)))
	}
	b = append(b, first...)
	for _, t := range texts {
		b = append(b, t...)
	}
	return b
}

// reader takes numbers and bytes off the front of a frame. After the first problem it keeps the error and
// returns zeros.
type reader struct {
	what string
	left []byte
	err  error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s: %s", ErrOutput, r.what, fmt.Sprintf(format, args...))
	}
}

func (r *reader) take(name string, n uint64) []byte {
	if r.err != nil {
		return nil
	}
	if n > uint64(len(r.left)) {
		r.fail("%s has %d bytes, and %d are left", name, n, len(r.left))
		return nil
	}
	taken := r.left[:n:n]
	r.left = r.left[n:]
	return taken
}

func (r *reader) u32(name string) uint32 {
	if b := r.take(name, 4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

// count reads how many items follow.
func (r *reader) count(name string) int {
	n := r.u32(name)
	if n > MaxCandidates {
		r.fail("%s is %d, at most %d are allowed", name, n, MaxCandidates)
		return 0
	}
	return int(n)
}

// u32s reads n numbers.
func (r *reader) u32s(name string, n int) []uint32 {
	numbers := make([]uint32, n) // n is at most MaxCandidates
	for i := range numbers {
		numbers[i] = r.u32(name)
	}
	return numbers
}

// text reads valid UTF-8. The text shares its bytes with nothing.
func (r *reader) text(name string, n uint32) string {
	b := r.take(name, uint64(n))
	if !utf8.Valid(b) {
		r.fail("%s is not valid UTF-8", name)
	}
	return string(b)
}

func (r *reader) end() error {
	if r.err == nil && len(r.left) > 0 {
		r.fail("%d bytes follow its end", len(r.left))
	}
	return r.err
}

// DecodeScoreFrame reads the input of kvasir_score, for guests and process plugins.
func DecodeScoreFrame(frame []byte) (query string, candidates []string, err error) {
	r := reader{what: "score frame", left: frame}
	n := r.count("n")
	if flags := r.u32("flags"); flags != 0 {
		r.fail("flags are %#x, and none is known", flags)
	}
	length := r.u32("query length")
	lengths := r.u32s("length", n)
	query = r.text("query", length)
	candidates = r.texts(lengths)
	return query, candidates, r.end()
}

// DecodeFeaturesFrame reads the input of kvasir_features, for guests and process plugins.
func DecodeFeaturesFrame(frame []byte) ([]string, error) {
	r := reader{what: "features frame", left: frame}
	texts := r.texts(r.u32s("length", r.count("n")))
	return texts, r.end()
}

func (r *reader) texts(lengths []uint32) []string {
	texts := make([]string, len(lengths))
	for i, n := range lengths {
		texts[i] = r.text("text", n)
	}
	return texts
}

// AppendScores appends the output of kvasir_score to b.
func AppendScores(b []byte, scores []float32) []byte {
	for _, s := range scores {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(s))
	}
	return b
}

// DecodeScores reads the output of kvasir_score for n candidates. Every score must be a number in [0,1].
func DecodeScores(out []byte, n int) ([]float32, error) {
	if len(out) != 4*n {
		return nil, fmt.Errorf("%w: scores: %d bytes for %d candidates, want %d", ErrOutput, len(out), n, 4*n)
	}
	scores := make([]float32, n)
	for i := range scores {
		scores[i] = math.Float32frombits(binary.LittleEndian.Uint32(out[4*i:]))
	}
	return scores, CheckScores(scores, n)
}

// CheckScores reports scores that are no scores of n candidates.
func CheckScores(scores []float32, n int) error {
	if len(scores) != n {
		return fmt.Errorf("%w: scores: %d for %d candidates", ErrOutput, len(scores), n)
	}
	for i, s := range scores {
		if !(s >= 0 && s <= 1) { // also when it is NaN
			return fmt.Errorf("%w: scores: number %d is %v, want 0 to 1", ErrOutput, i, s)
		}
	}
	return nil
}

// AppendFeatures appends the output of kvasir_features to b, which must be empty or end at a multiple
// of 8.
func AppendFeatures(b []byte, sets [][]uint64) []byte {
	start := len(b)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(sets)))
	for _, set := range sets {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(set)))
	}
	for (len(b)-start)%8 != 0 {
		b = append(b, 0)
	}
	for _, set := range sets {
		for _, f := range set {
			b = binary.LittleEndian.AppendUint64(b, f)
		}
	}
	return b
}

// DecodeFeatures reads the output of kvasir_features for n texts.
func DecodeFeatures(out []byte, n int) ([][]uint64, error) {
	r := reader{what: "features", left: out}
	if got := r.count("n"); got != n {
		r.fail("there are %d sets for %d texts", got, n)
		return nil, r.err
	}
	counts := r.u32s("count", n)
	if n%2 == 0 { // 4 + 4n bytes were read
		if r.u32("padding") != 0 {
			r.fail("the padding is not zero")
		}
	}
	sets := make([][]uint64, n)
	for i, count := range counts {
		sets[i] = r.set(i, count)
	}
	return sets, r.end()
}

func (r *reader) set(i int, count uint32) []uint64 {
	if count > MaxFeatures {
		r.fail("set %d has %d numbers, at most %d are allowed", i, count, MaxFeatures)
	}
	b := r.take("set", 8*uint64(count))
	set := make([]uint64, 0, len(b)/8)
	for ; len(b) > 0; b = b[8:] {
		set = append(set, binary.LittleEndian.Uint64(b))
	}
	if !ascending(set) {
		r.fail("set %d is not ascending, each number once", i)
	}
	return set
}

// CheckFeatures reports sets that are no features of n texts.
func CheckFeatures(sets [][]uint64, n int) error {
	if len(sets) != n {
		return fmt.Errorf("%w: features: %d sets for %d texts", ErrOutput, len(sets), n)
	}
	for i, set := range sets {
		if len(set) > MaxFeatures || !ascending(set) {
			return fmt.Errorf("%w: features: set %d is not ascending, each number once, at most %d", ErrOutput, i, MaxFeatures)
		}
	}
	return nil
}

func ascending(set []uint64) bool {
	for i := 1; i < len(set); i++ {
		if set[i-1] >= set[i] {
			return false
		}
	}
	return true
}
