package snapshot

import (
	"encoding/json"
	"fmt"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// mostElements bounds a list in a record: a short line can say one that takes far more memory than it has bytes.
const mostElements = 1 << 20

// list reads a list that is not too long.
type list[T any] []T

// UnmarshalJSON implements json.Unmarshaler.
func (l *list[T]) UnmarshalJSON(data []byte) error {
	if n := base.Elements(data); n > mostElements {
		return fmt.Errorf("a list has %d elements; at most %d are taken", n, mostElements)
	}
	return strict(data, (*[]T)(l))
}

// read is a record as it is read: of two fields with one name, JSON means the outer one.
type read struct {
	Record
	Request readRequest  `json:"request"`
	Tags    list[string] `json:"tags"`
	Wrong   list[Wrong]  `json:"wrong"`
	Crc     *string      `json:"crc"` // set only where it is not the last field, which it has to be
}

type readRequest struct {
	Request
	Messages  list[base.Message] `json:"messages"`
	Stop      list[string]       `json:"stop"`
	LogitBias list[Bias]         `json:"logit_bias"`
	Passed    list[Passed]       `json:"passed"`
}

var _ json.Unmarshaler = (*list[string])(nil)

// record returns what was read.
func (r *read) record() *Record {
	out := &r.Record
	out.Request, out.Tags, out.Wrong = r.Request.Request, r.Tags, r.Wrong
	q := &out.Request
	q.Messages, q.Stop, q.LogitBias, q.Passed = r.Request.Messages, r.Request.Stop, r.Request.LogitBias, r.Request.Passed
	return out
}
