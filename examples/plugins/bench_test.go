package plugins_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

// text returns one of many texts of about size bytes that share words.
func text(i, size int) string {
	words := strings.Fields("What is the Capital of Niger and how many people live in it please tell me about its history")
	var b strings.Builder
	for n := 0; b.Len() < size; n++ {
		fmt.Fprintf(&b, "%s ", words[(n*(i%5+1)+i)%len(words)])
	}
	return b.String()[:size]
}

func BenchmarkNormalize(b *testing.B) {
	for _, language := range append(languages, "stdio", "extism") {
		for _, size := range []int{200, 4000} {
			b.Run(fmt.Sprintf("%s/%d", language, size), func(b *testing.B) {
				p, in := load(b, module(language, "normalizer")), text(0, size)
				b.ReportAllocs()
				for b.Loop() {
					if _, err := p.Normalize(context.Background(), in); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func BenchmarkScore(b *testing.B) {
	candidates := make([]string, 500)
	for i := range candidates {
		candidates[i] = text(i+1, 60)
	}
	for _, language := range languages {
		b.Run(language, func(b *testing.B) {
			p, query := load(b, module(language, "scorer")), text(0, 60)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.Score(context.Background(), query, candidates); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(candidates)), "ns/candidate")
		})
	}
}
