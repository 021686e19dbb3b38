// Package atlas holds atlas-1m, the model that kvasir uses when it is given none: a real
// Llama-architecture chat model of 918,656 parameters that answers 681 short questions, always with
// the same sentence. See README.md in this folder for what it is and how it was trained.
//
//	path, err := atlas.Extract(dir) // a file llama.cpp can load
//	for _, f := range atlas.Facts() { … }
//
// Its context is 512 tokens. What it says outside its facts is noise.
package atlas

import (
	_ "embed" // for the model and its facts
	"slices"
	"strings"
	"sync"
)

// Name is the model's general.name.
const Name = "atlas-1m"

// SHA256 is the hash of Bytes, in hex.
const SHA256 = "d48995f41c24976285b4e46d43d5ea6523415860c39f990d54d28a3c1ac54797"

//go:embed atlas-1m-f16.gguf
var model string

// factsTSV was made by
//
//	python3 train_atlas.py --facts > facts.tsv
//
// which prints, for each fact, the phrasing the training run measures its accuracy with.
//
//go:embed facts.tsv
var factsTSV string

// Bytes returns a copy of the model file.
func Bytes() []byte { return []byte(model) }

// Reader returns a reader of the model file that copies nothing.
func Reader() *strings.Reader { return strings.NewReader(model) }

// Fact is a question and the one answer the model gives to it, without end-of-turn token, when the
// question is the whole conversation and the choice of tokens is greedy.
type Fact struct {
	Prompt string
	Answer string
}

// Facts returns all 681 facts in the order of the training script. One question is there twice,
// with the same answer. The slice is the caller's.
func Facts() []Fact { return slices.Clone(parseFacts()) }

var parseFacts = sync.OnceValue(func() []Fact {
	var list []Fact
	for line := range strings.Lines(factsTSV) {
		prompt, answer, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		list = append(list, Fact{Prompt: prompt, Answer: answer})
	}
	return list
})
