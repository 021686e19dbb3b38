package fingerprint

import (
	"encoding/binary"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// Canonical is a request as a cache sees it. Two requests whose Bytes and Subject are equal have
// the same answer from the same model, if their answer is repeatable at all.
type Canonical struct {
	// Bytes encode everything that can change the answer except Subject.
	Bytes []byte
	// Subject is what is looked up: the content of a final user message, a prompt, or tokens in four
	// bytes each, big-endian. It is empty for a conversation that does not end with a user message,
	// which is in Bytes as a whole.
	Subject string
	// Approximate reports whether Subject is a person's text, which may be normalised and matched
	// with similar texts. All else matches byte for byte or not at all.
	Approximate bool
}

// canonicalVersion is the first byte of Canonical.Bytes.
const canonicalVersion = 1

// form says where the subject comes from.
type form byte

const (
	formTurn         form = 1 + iota // a conversation; the content of its last message, a user's, is the subject
	formConversation                 // a conversation that ends otherwise; no subject
	formPrompt                       // a prompt, which is the subject
	formTokens                       // tokens, which are the subject
)

// record is what Canonical.Bytes encode: a form, and a request in its effective form without what
// the form says is the subject.
type record struct {
	form    form
	request base.Request
}

// Canonicalize encodes r, which it does not change or keep. Values that mean the same are encoded
// the same: the order of stop strings, the parameters of a draw that a greedy answer does not make,
// penalties of no effect. MaxTokens is not encoded. Errors are those of base.Request.Validate.
func Canonicalize(r *base.Request) (Canonical, error) {
	if err := r.Validate(); err != nil {
		return Canonical{}, err
	}
	rec, subject := split(effective(r))
	return Canonical{Bytes: rec.encode(), Subject: subject, Approximate: rec.form == formTurn}, nil
}

// split takes the subject out of an effective request.
func split(e base.Request) (record, string) {
	switch last := len(e.Messages) - 1; {
	case len(e.Tokens) > 0:
		subject := string(appendTokens(nil, e.Tokens))
		e.Tokens = nil
		return record{formTokens, e}, subject
	case last < 0:
		subject := e.Prompt
		e.Prompt = ""
		return record{formPrompt, e}, subject
	case e.Messages[last].Role == base.RoleUser:
		subject := e.Messages[last].Content
		e.Messages = e.Messages[:last]
		return record{formTurn, e}, subject
	default:
		return record{formConversation, e}, ""
	}
}

// join puts the subject back.
func (rec *record) join(subject string) (*base.Request, error) {
	r := rec.request
	switch rec.form {
	case formTurn:
		r.Messages = append(r.Messages, base.Message{Role: base.RoleUser, Content: subject})
	case formPrompt:
		r.Prompt = subject
	case formTokens:
		tokens, err := parseTokens(subject)
		if err != nil {
			return nil, err
		}
		r.Tokens = tokens
	}
	return &r, nil
}

// encode writes the version and then every field that has a value: tag, length, value.
func (rec *record) encode() []byte {
	out := append(make([]byte, 0, 64), canonicalVersion)
	var value []byte
	for i := range fields {
		f := &fields[i]
		if value = f.put(value[:0], rec); len(value) > 0 {
			out = append(out, f.tag)
			out = binary.AppendUvarint(out, uint64(len(value)))
			out = append(out, value...)
		}
	}
	return out
}
