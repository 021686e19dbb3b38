package fingerprint

import (
	"encoding/binary"
	"math"
	"strconv"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// field is one tagged field of a record.
type field struct {
	tag  byte
	name string
	// put appends the value; it appends nothing for the zero value, which is left out.
	put func(dst []byte, rec *record) []byte
	// take reads a value of any length. It need not notice what put would not have written.
	take func(rec *record, value []byte) error
}

// fields are in ascending order of their tags. A tag is never used again for something else; a new
// field takes the next number and is left out where it has no effect, so that only the keys of
// requests that use it change.
var fields = []field{
	{1, "form", putForm, takeForm},
	{2, "messages", putMessages, takeMessages},
	{3, "stop", putStop, takeStop},
	floatField(4, "temperature", func(s *base.Sampling) *float32 { return &s.Temperature }),
	countField(5, "top-k", func(s *base.Sampling) *int { return &s.TopK }),
	floatField(6, "top-p", func(s *base.Sampling) *float32 { return &s.TopP }),
	floatField(7, "min-p", func(s *base.Sampling) *float32 { return &s.MinP }),
	{8, "seed", putSeed, takeSeed},
	floatField(9, "repeat penalty", func(s *base.Sampling) *float32 { return &s.RepeatPenalty }),
	countField(10, "repeat last n", func(s *base.Sampling) *int { return &s.RepeatLastN }),
	floatField(11, "frequency penalty", func(s *base.Sampling) *float32 { return &s.FrequencyPenalty }),
	floatField(12, "presence penalty", func(s *base.Sampling) *float32 { return &s.PresencePenalty }),
	{13, "logit bias", putBias, takeBias},
	{14, "grammar", putGrammar, takeGrammar},
	{15, "passed", putPassed, takePassed},
}

func putForm(dst []byte, rec *record) []byte { return append(dst, byte(rec.form)) }

func takeForm(rec *record, value []byte) error {
	if len(value) != 1 || form(value[0]) < formTurn || form(value[0]) > formTokens {
		return malformed("%x is no form", value[:min(len(value), 4)])
	}
	rec.form = form(value[0])
	return nil
}

func putMessages(dst []byte, rec *record) []byte {
	for _, m := range rec.request.Messages {
		dst = appendText(appendText(dst, m.Role), m.Content)
	}
	return dst
}

func takeMessages(rec *record, value []byte) error {
	texts, err := takeTexts(value)
	if err == nil && len(texts)%2 != 0 {
		err = malformed("the last message has no content")
	}
	for i := 0; i+1 < len(texts); i += 2 {
		rec.request.Messages = append(rec.request.Messages, base.Message{Role: texts[i], Content: texts[i+1]})
	}
	return err
}

func putStop(dst []byte, rec *record) []byte {
	for _, s := range rec.request.Stop {
		dst = appendText(dst, s)
	}
	return dst
}

func takeStop(rec *record, value []byte) (err error) {
	rec.request.Stop, err = takeTexts(value)
	return err
}

// A seed of 0 is a seed, so it has a value of 4 bytes; no seed is left out.
func putSeed(dst []byte, rec *record) []byte {
	if seed := rec.request.Sampling.Seed; seed != nil {
		dst = binary.BigEndian.AppendUint32(dst, *seed)
	}
	return dst
}

func takeSeed(rec *record, value []byte) error {
	seed, err := takeWord(value)
	rec.request.Sampling.Seed = &seed
	return err
}

func putBias(dst []byte, rec *record) []byte {
	for _, b := range rec.request.Sampling.LogitBias {
		dst = binary.BigEndian.AppendUint32(dst, uint32(b.Token))
		dst = binary.BigEndian.AppendUint32(dst, math.Float32bits(b.Bias))
	}
	return dst
}

func takeBias(rec *record, value []byte) error {
	if len(value)%8 != 0 {
		return malformed("%d bytes are not a multiple of 8", len(value))
	}
	list := make([]base.LogitBias, len(value)/8)
	for i := range list {
		at := value[8*i:]
		list[i].Token = base.Token(binary.BigEndian.Uint32(at))
		list[i].Bias = math.Float32frombits(binary.BigEndian.Uint32(at[4:]))
	}
	rec.request.Sampling.LogitBias = list
	return nil
}

func putGrammar(dst []byte, rec *record) []byte { return append(dst, rec.request.Sampling.Grammar...) }

func takeGrammar(rec *record, value []byte) error {
	rec.request.Sampling.Grammar = string(value)
	return nil
}

// putPassed writes, for each field, the number of its message as decimal digits, its name and its value.
func putPassed(dst []byte, rec *record) []byte {
	for _, p := range rec.request.Passed {
		dst = appendText(dst, strconv.Itoa(p.Message))
		dst = appendText(appendText(dst, p.Name), p.Value)
	}
	return dst
}

func takePassed(rec *record, value []byte) error {
	texts, err := takeTexts(value)
	if err == nil && len(texts)%3 != 0 {
		err = malformed("the last field that is passed on is not whole")
	}
	for i := 0; err == nil && i < len(texts); i += 3 {
		p := base.Passed{Name: texts[i+1], Value: texts[i+2]}
		if p.Message, err = strconv.Atoi(texts[i]); err != nil {
			err = malformed("%q is no number of a message", clip(texts[i]))
		}
		rec.request.Passed = append(rec.request.Passed, p)
	}
	return err
}

// floatField is a number of 4 bytes, IEEE 754.
func floatField(tag byte, name string, at func(*base.Sampling) *float32) field {
	return wordField(tag, name,
		func(s *base.Sampling) uint32 { return math.Float32bits(*at(s)) },
		func(s *base.Sampling, word uint32) { *at(s) = math.Float32frombits(word) })
}

// countField is a number of 4 bytes.
func countField(tag byte, name string, at func(*base.Sampling) *int) field {
	return wordField(tag, name,
		func(s *base.Sampling) uint32 { return uint32(*at(s)) },
		func(s *base.Sampling, word uint32) { *at(s) = int(word) })
}

func wordField(tag byte, name string, get func(*base.Sampling) uint32, set func(*base.Sampling, uint32)) field {
	return field{tag, name,
		func(dst []byte, rec *record) []byte {
			if word := get(&rec.request.Sampling); word != 0 {
				dst = binary.BigEndian.AppendUint32(dst, word)
			}
			return dst
		},
		func(rec *record, value []byte) error {
			word, err := takeWord(value)
			set(&rec.request.Sampling, word)
			return err
		}}
}
