package ngram

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

var benchSpecs = []Spec{{Char, 3, 3}, {Char, 2, 3}, {Char, 2, 5}, {Word, 1, 2}}

// prompts returns n texts of about size bytes that share words.
func prompts(n, size int) []string {
	r := rand.New(rand.NewPCG(1, 2))
	words := strings.Fields("what is the capital of france germany spain how many people live in paris please tell me " +
		"about history and size a short list explain why water boils at hundred degrees write function that sorts numbers")
	texts := make([]string, n)
	for i := range texts {
		var b strings.Builder
		for b.Len() < size {
			b.WriteString(words[r.IntN(len(words))])
			b.WriteByte(' ')
		}
		texts[i] = b.String()[:size]
	}
	return texts
}

func BenchmarkScores(b *testing.B) {
	texts := prompts(1001, 60)
	for _, spec := range benchSpecs {
		b.Run(fmt.Sprintf("%s%d-%d", spec.Unit, spec.Min, spec.Max), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				spec.Scores(texts[0], texts[1:])
			}
		})
	}
}

// BenchmarkScores_Maps is what one would write first, to compare with.
func BenchmarkScores_Maps(b *testing.B) {
	texts := prompts(1001, 60)
	for b.Loop() {
		q := mapOf(texts[0], 3, 3)
		for _, c := range texts[1:] {
			mapJaccard(q, mapOf(c, 3, 3))
		}
	}
}

func BenchmarkAppendSet(b *testing.B) {
	for _, size := range []int{60, 500, 8000} {
		text := prompts(1, size)[0]
		for _, spec := range benchSpecs {
			b.Run(fmt.Sprintf("%s%d-%d/%d", spec.Unit, spec.Min, spec.Max, size), func(b *testing.B) {
				b.ReportAllocs()
				var set []uint64
				for b.Loop() {
					set = spec.AppendSet(set[:0], text)
				}
			})
		}
	}
}

func BenchmarkJaccard(b *testing.B) {
	texts := prompts(2, 100)
	spec := Spec{Char, 3, 3}
	x, y := spec.AppendSet(nil, texts[0]), spec.AppendSet(nil, texts[1])
	for b.Loop() {
		Jaccard(x, y)
	}
}
