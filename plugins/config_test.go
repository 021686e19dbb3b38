package plugins_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/kvasir-cache/kvasir/hostapi"
	"github.com/kvasir-cache/kvasir/internal/ngram"
)

func TestJaccard_TakesItsIndexFromTheConfiguration(t *testing.T) {
	for config, want := range map[string]hostapi.Index{
		"":                                       {Unit: "char", Min: 2, Max: 3, Floor: 0.7},
		`{"unit":"char","min":3,"max":4}`:        {Unit: "char", Min: 3, Max: 4, Floor: 0.7},
		`{"unit":"word"}`:                        {Unit: "word", Min: 1, Max: 2, Floor: 0.5},
		`{"unit":"word","min":2,"floor":0.25}`:   {Unit: "word", Min: 2, Max: 2, Floor: 0.25},
		`{"floor":1}`:                            {Unit: "char", Min: 2, Max: 3, Floor: 1},
		`{"min":1,"max":8,"floor":"0.50","x":1}`: {Unit: "char", Min: 1, Max: 8, Floor: 0.5},
	} {
		m := load(t, "jaccard", config).Manifest()
		if m.Scorer.Class != hostapi.ClassRerank || *m.Scorer.Index != want || !m.Scorer.Sound {
			t.Errorf("%s: got %+v with index %+v, want %+v", config, m.Scorer, m.Scorer.Index, want)
		}
	}
}

func TestScorers_RefuseConfigurationsWithoutMeaning(t *testing.T) {
	for config, want := range map[string]string{
		`{"unit":"line"}`:       "unit",
		`{"unit":""}`:           "unit",
		`{"unit":"characters"}`: "unit",
		`{"min":0}`:             "min",
		`{"min":"x"}`:           "min",
		`{"max":9}`:             "max",
		`{"max":12345678901}`:   "max",
		`{"min":4}`:             "max is less than min",
		`{"floor":"high"}`:      "floor",
		`{"floor":-1}`:          "floor",
		`{"floor":2}`:           "floor",
	} {
		if _, err := open("jaccard", config); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got error %v, want one about %s", config, err, want)
		}
	}
}

// Scores are those of the index that finds the candidates, so that none is lost or found in vain.
func TestScorers_ScoreAsTheIndexDoes(t *testing.T) {
	query, candidates := "What is the capital of Niger?", []string{
		"What is the capital of Nigeria?", "what's the capital of Niger", "", "Niger", "世界", "What is the capital of Niger?",
	}
	for config, spec := range map[string]ngram.Spec{
		"":                                {Unit: ngram.Char, Min: 2, Max: 3},
		`{"unit":"word"}`:                 {Unit: ngram.Word, Min: 1, Max: 2},
		`{"unit":"char","min":1,"max":5}`: {Unit: ngram.Char, Min: 1, Max: 5},
	} {
		q := spec.AppendSet(nil, query)
		jaccard, err := load(t, "jaccard", config).Score(context.Background(), query, candidates)
		if err != nil {
			t.Fatal(err)
		}
		containment := load(t, "containment", config)
		contained, err := containment.Score(context.Background(), query, candidates)
		if err != nil {
			t.Fatal(err)
		}
		sets, err := containment.Features(context.Background(), candidates)
		if err != nil {
			t.Fatal(err)
		}
		for i, text := range candidates {
			c := spec.AppendSet(nil, text)
			if want := float32(ngram.Jaccard(q, c)); jaccard[i] != want {
				t.Errorf("jaccard %s: %q: got %v, want %v", config, text, jaccard[i], want)
			}
			if want := float32(ngram.Containment(q, c)); contained[i] != want {
				t.Errorf("containment %s: %q: got %v, want %v", config, text, contained[i], want)
			}
			if !slices.Equal(sets[i], c) {
				t.Errorf("containment %s: %q: got set %v, want %v", config, text, sets[i], c)
			}
		}
	}
}
