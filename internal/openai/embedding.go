package openai

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"math"
)

// EmbeddingRequest is the body of POST /v1/embeddings.
type EmbeddingRequest struct {
	Model      string
	Input      []string
	Base64     bool // vectors are sent as base64 of little-endian 32-bit numbers
	Dimensions int  // 0 means that the request says nothing
}

// MaxInputs is how many texts a request may embed, as OpenAI has it.
const MaxInputs = 2048

// DecodeEmbedding decodes and checks a request.
func DecodeEmbedding(body []byte) (*EmbeddingRequest, *Error) {
	if err := check(body); err != nil {
		return nil, err
	}
	o := newObject(body)
	r := &EmbeddingRequest{}
	o.text("model", &r.Model)
	for _, p := range o.prompts("input") {
		if p.Tokens != nil {
			o.fail(Unsupported("input", "found tokens, want texts"))
		}
		r.Input = append(r.Input, p.Text)
	}
	if len(r.Input) > MaxInputs {
		o.fail(Invalid("input", "found %d texts, want at most %d", len(r.Input), MaxInputs))
	}
	format := "float"
	o.text("encoding_format", &format)
	if r.Base64 = format == "base64"; !r.Base64 && format != "float" {
		o.fail(Invalid("encoding_format", "found %q, want float or base64", shorten([]byte(format))))
	}
	if n := o.whole("dimensions", 1, 1<<20); n != nil {
		r.Dimensions = int(*n)
	}
	if *o.err != nil {
		return nil, *o.err
	}
	return r, nil
}

// EmbeddingList is the answer to an EmbeddingRequest.
type EmbeddingList struct {
	Object string         `json:"object"` // "list"
	Data   []Embedding    `json:"data"`
	Model  string         `json:"model"`
	Usage  EmbeddingUsage `json:"usage"`
}

// Embedding is one vector.
type Embedding struct {
	Object    string          `json:"object"` // "embedding"
	Index     int             `json:"index"`
	Embedding json.RawMessage `json:"embedding"`
}

// EmbeddingUsage counts tokens.
type EmbeddingUsage struct {
	PromptTokens int `json:"prompt_tokens"`
	TotalTokens  int `json:"total_tokens"`
}

// Encode writes vectors as the request wants them.
func (r *EmbeddingRequest) Encode(model string, vectors [][]float32, tokens int) (*EmbeddingList, error) {
	list := &EmbeddingList{Object: "list", Data: []Embedding{}, Model: model, Usage: EmbeddingUsage{tokens, tokens}}
	for i, vector := range vectors {
		var shown any = vector
		if r.Base64 {
			shown = packed(vector)
		}
		raw, err := json.Marshal(shown)
		if err != nil {
			return nil, err // a number that is none
		}
		list.Data = append(list.Data, Embedding{Object: "embedding", Index: i, Embedding: raw})
	}
	return list, nil
}

func packed(vector []float32) string {
	var bytes []byte
	for _, x := range vector {
		bytes = binary.LittleEndian.AppendUint32(bytes, math.Float32bits(x))
	}
	return base64.StdEncoding.EncodeToString(bytes)
}
