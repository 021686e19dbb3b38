package upstream

import (
	"encoding/json"
	"fmt"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/openai"
)

// Bounds of lists in an answer. Their elements may take far more memory than bytes.
const (
	mostChoices = 64
	mostCalls   = 1024
)

type (
	choices   []choice
	toolCalls []toolCall
	vectors   []vector
)

type vector struct {
	Index     int       `json:"index"`
	Embedding []float32 `json:"embedding"`
}

// UnmarshalJSON reads a list that is not too long.
func (l *choices) UnmarshalJSON(data []byte) error { return list(data, (*[]choice)(l), mostChoices) }

// UnmarshalJSON reads a list that is not too long.
func (l *toolCalls) UnmarshalJSON(data []byte) error { return list(data, (*[]toolCall)(l), mostCalls) }

// UnmarshalJSON reads a list that is not too long.
func (l *vectors) UnmarshalJSON(data []byte) error {
	return list(data, (*[]vector)(l), openai.MaxInputs)
}

func list[T any](data []byte, into *[]T, most int) error {
	if n := base.Elements(data); n > most {
		return fmt.Errorf("a list has %d elements; at most %d are taken", n, most)
	}
	return json.Unmarshal(data, into)
}
