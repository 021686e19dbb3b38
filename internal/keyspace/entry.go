package keyspace

import (
	"encoding/binary"
	"time"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// Entry is a remembered answer, with what is needed to find it, judge it and serve it.
type Entry struct {
	Namespace Hash // never crossed by a lookup
	Exact     Hash // digest of the exact request within the namespace
	Model     Hash // identity of the model that answered

	Created int64 // unix nanoseconds
	Expires int64 // unix nanoseconds; 0 means never

	Timings base.Timings
	Cost    time.Duration // wall time of the inference that a hit saves
	Usage   base.Usage

	Request []byte // the canonical request; opaque here
	Prompt  string // the last user text, which is what approximate matching compares
	Topic   string
	Tags    []string
	Forms   []Form

	PromptTokens []base.Token
	Tokens       []base.Token // of the answer

	Answer       string
	FinishReason base.FinishReason
	StopString   string // the stop string that matched, if one did
}

// Form is the normal form of a prompt under one generation of a strategy.
type Form struct {
	Generation [16]byte
	Grams      uint32 // in the set of Text, which the key of its signature holds
	Text       string
}

// EncodeEntry returns the value of e under key.
func EncodeEntry(key []byte, e *Entry) []byte {
	b := make([]byte, 0, sizeHint(e))
	b = append(b, recordVersion)
	b = append(b, e.Namespace[:]...)
	b = append(b, e.Exact[:]...)
	b = append(b, e.Model[:]...)
	b = appendInt64(b, e.Created)
	b = appendInt64(b, e.Expires)
	b = appendInt64(b, int64(e.Timings.Queue))
	b = appendInt64(b, int64(e.Timings.Prefill))
	b = appendInt64(b, int64(e.Timings.Decode))
	b = appendInt64(b, int64(e.Cost))
	b = appendInt(b, e.Usage.PromptTokens)
	b = appendInt(b, e.Usage.CompletionTokens)
	b = appendBytes(b, e.Request)
	b = appendBytes(b, e.Prompt)
	b = appendBytes(b, e.Topic)
	b = appendTags(b, e.Tags)
	b = appendForms(b, e.Forms)
	b = appendTokens(b, e.PromptTokens)
	b = appendTokens(b, e.Tokens)
	b = appendBytes(b, e.Answer)
	b = appendBytes(b, string(e.FinishReason))
	b = appendBytes(b, e.StopString)
	return seal(key, b)
}

// DecodeEntry reads an Entry. Empty lists come back as nil.
func DecodeEntry(key, value []byte) (*Entry, error) {
	c, err := open(key, value)
	if err != nil {
		return nil, err
	}
	// Fields are read in the order in which they are written here.
	e := &Entry{
		Namespace: c.hash("namespace"),
		Exact:     c.hash("exact key"),
		Model:     c.hash("model id"),
		Created:   c.int64("created"),
		Expires:   c.int64("expires"),
		Timings: base.Timings{
			Queue:   time.Duration(c.int64("queue time")),
			Prefill: time.Duration(c.int64("prefill time")),
			Decode:  time.Duration(c.int64("decode time")),
		},
		Cost: time.Duration(c.int64("cost")),
		Usage: base.Usage{
			PromptTokens:     c.int("prompt usage"),
			CompletionTokens: c.int("completion usage"),
		},
		Request:      append([]byte(nil), c.bytes("request")...),
		Prompt:       c.string("prompt"),
		Topic:        c.string("topic"),
		Tags:         c.tags(),
		Forms:        c.forms(),
		PromptTokens: c.tokens("prompt tokens"),
		Tokens:       c.tokens("tokens"),
		Answer:       c.string("answer"),
		FinishReason: base.FinishReason(c.string("finish reason")),
		StopString:   c.string("stop string"),
	}
	if err := c.end(); err != nil {
		return nil, err
	}
	return e, nil
}

// EntrySize is about how many bytes EncodeEntry makes of e, and rarely less.
func EntrySize(e *Entry) int { return sizeHint(e) }

// sizeHint is enough for entries whose tokens take three bytes or fewer.
func sizeHint(e *Entry) int {
	const fixed = 256
	texts := len(e.Request) + len(e.Prompt) + len(e.Topic) + len(e.Answer) + len(e.StopString)
	for _, tag := range e.Tags {
		texts += 5 + len(tag)
	}
	for i := range e.Forms {
		texts += 24 + len(e.Forms[i].Text)
	}
	return fixed + texts + 3*(len(e.PromptTokens)+len(e.Tokens))
}

func appendTags(b []byte, tags []string) []byte {
	b = binary.AppendUvarint(b, uint64(len(tags)))
	for _, tag := range tags {
		b = appendBytes(b, tag)
	}
	return b
}

func appendForms(b []byte, forms []Form) []byte {
	b = binary.AppendUvarint(b, uint64(len(forms)))
	for i := range forms {
		b = append(b, forms[i].Generation[:]...)
		b = binary.AppendUvarint(b, uint64(forms[i].Grams))
		b = appendBytes(b, forms[i].Text)
	}
	return b
}

func (c *cursor) tags() []string {
	n := c.count("tags", 1) // a tag is at least its length
	if n == 0 {
		return nil
	}
	tags := make([]string, n)
	for i := range tags {
		tags[i] = c.string("tags")
	}
	return tags
}

func (c *cursor) forms() []Form {
	n := c.count("forms", len(Form{}.Generation)+2)
	if n == 0 {
		return nil
	}
	forms := make([]Form, n)
	for i := range forms {
		copy(forms[i].Generation[:], c.take("forms", uint64(len(forms[i].Generation))))
		forms[i].Grams = c.uint32("forms")
		forms[i].Text = c.string("forms")
	}
	return forms
}
