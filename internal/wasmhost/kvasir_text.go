package wasmhost

import (
	"encoding/binary"
	"math"
	"unicode/utf8"
	"unsafe"

	"github.com/kvasir-cache/kvasir/hostapi"
	"github.com/kvasir-cache/kvasir/internal/ngram"
	"github.com/kvasir-cache/kvasir/internal/textfold"
)

func hostTextFold(in *instance, s []uint64) {
	flags := textfold.Flags(uint32(s[0]))
	text, ok := in.text("text_fold", s[1], s[2], hostapi.MaxText)
	if !ok || flags&^textfold.All != 0 {
		s[0] = none
		return
	}
	in.charge(uint64(len(text)) / bytesFolded)
	s[0] = in.put("text_fold", []byte(textfold.Fold(string(text), flags)), s[3], s[4])
}

// spec reads (unit, min, max).
func spec(s []uint64) (ngram.Spec, bool) {
	if uint32(s[0]) > 1 || uint32(s[1]) > ngram.MaxN || uint32(s[2]) > ngram.MaxN {
		return ngram.Spec{}, false
	}
	of := ngram.Spec{Unit: ngram.Unit(uint32(s[0])), Min: int(uint32(s[1])), Max: int(uint32(s[2]))}
	return of, of.Check() == nil
}

// chargeGrams charges for the grams of so many bytes of text.
func (in *instance) chargeGrams(of ngram.Spec, bytes int) {
	in.charge(uint64(bytes) * uint64(of.Max-of.Min+1) / bytesHashed)
}

func hostNgrams(in *instance, s []uint64) {
	of, known := spec(s)
	text, ok := in.text("ngrams", s[3], s[4], hostapi.MaxText)
	if !ok || !known {
		s[0] = none
		return
	}
	in.chargeGrams(of, len(text))
	in.gram = of.AppendSet(in.gram[:0], string(text))
	s[0] = in.putNumbers("ngrams", in.gram, s[5], s[6])
	if cap(in.gram) > maxKept/8 {
		in.gram = nil
	}
}

// putNumbers is put for a set.
func (in *instance) putNumbers(what string, set []uint64, buf, capacity uint64) uint64 {
	n := uint64(8 * len(set))
	if n <= uint64(uint32(capacity)) {
		in.charge(n / bytesCopied)
		out := in.arg(what, buf, n)
		for i, v := range set {
			binary.LittleEndian.PutUint64(out[8*i:], v)
		}
	}
	return n
}

// putScores is put for scores.
func (in *instance) putScores(what string, scores []float32, buf, capacity uint64) uint64 {
	n := uint64(4 * len(scores))
	if n <= uint64(uint32(capacity)) {
		out := in.arg(what, buf, n)
		for i, v := range scores {
			binary.LittleEndian.PutUint32(out[4*i:], math.Float32bits(v))
		}
	}
	return n
}

func hostNgramJaccard(in *instance, s []uint64) {
	of, known := spec(s)
	frame := in.arg("ngram_jaccard", s[3], s[4])
	if !known || len(frame) > hostapi.MaxFrame {
		s[0] = none
		return
	}
	in.charge(stepsCall)
	in.chargeGrams(of, len(frame))
	query, ok := in.views(frame)
	if !ok {
		s[0] = none
		return
	}
	s[0] = in.putScores("ngram_jaccard", of.Scores(query, in.texts), s[5], s[6])
	clear(in.texts)
}

// views reads a score frame into in.texts without a copy: the texts are the guest's memory, which does not
// change while its host function runs. Nothing may keep them. hostapi.DecodeScoreFrame says what is a
// frame; a test holds the two together.
func (in *instance) views(frame []byte) (query string, ok bool) {
	if len(frame) < 12 {
		return "", false
	}
	n, flags := binary.LittleEndian.Uint32(frame), binary.LittleEndian.Uint32(frame[4:])
	header := 12 + 4*uint64(n)
	if n > hostapi.MaxCandidates || flags != 0 || header > uint64(len(frame)) || !utf8.Valid(frame[header:]) {
		return "", false
	}
	lengths, texts := frame[12:header], frame[header:]
	query, texts, ok = view(texts, binary.LittleEndian.Uint32(frame[8:]))
	in.texts = in.texts[:0]
	for ; ok && len(lengths) > 0; lengths = lengths[4:] {
		var text string
		text, texts, ok = view(texts, binary.LittleEndian.Uint32(lengths))
		in.texts = append(in.texts, text)
	}
	return query, ok && len(texts) == 0
}

// view takes a text of n bytes off the front of b, which is valid UTF-8 as a whole.
func view(b []byte, n uint32) (text string, rest []byte, ok bool) {
	if uint64(n) > uint64(len(b)) || int(n) < len(b) && !utf8.RuneStart(b[n]) {
		return "", nil, false
	}
	return unsafe.String(unsafe.SliceData(b), int(n)), b[n:], true
}

func hostSetJaccard(in *instance, s []uint64) {
	frame := in.arg("set_jaccard", s[0], s[1])
	if len(frame) < 4 || len(frame) > hostapi.MaxFrame {
		s[0] = none
		return
	}
	in.charge(stepsCall + uint64(len(frame))/8/numbersMatched)
	n := binary.LittleEndian.Uint32(frame)
	if n == 0 || n > hostapi.MaxCandidates {
		s[0] = none
		return
	}
	sets, err := hostapi.DecodeFeatures(frame, int(n))
	if err != nil {
		s[0] = none
		return
	}
	query := sets[0]
	in.charge(uint64(len(query)) * uint64(n) / numbersMatched) // each set is walked along with the query
	scores := make([]float32, n-1)
	for i, set := range sets[1:] {
		scores[i] = float32(ngram.Jaccard(query, set))
	}
	s[0] = in.putScores("set_jaccard", scores, s[2], s[3])
}
