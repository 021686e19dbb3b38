package engine

import (
	"context"

	"github.com/kvasir-cache/kvasir/hostapi"
	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/ngram"
)

// Normalizer returns the normal form of a text.
type Normalizer interface {
	Normalize(ctx context.Context, text string) (string, error)
}

// Scorer says how alike a query is to each candidate, in [0,1].
type Scorer interface {
	Score(ctx context.Context, query string, candidates []string) ([]float32, error)
}

// Explainer is a Scorer that can say why.
type Explainer interface {
	Explain(ctx context.Context, query, candidate string) (*hostapi.Explanation, error)
}

// Strategy says which requests count as the same. Candidates are the entries whose normal forms have grams
// in common with that of the query; each is then judged, the most alike first, until one passes.
type Strategy struct {
	Name        string
	Normalizers []Normalizer // in their order
	// Generation names what the normalizers and Grams are now. Normal forms of one generation are compared
	// with each other only.
	Generation func() [16]byte
	// Grams and Measure find candidates: those whose score by them is at least SearchFloor. They have a score
	// of at least Floor by all scorers together.
	Grams       ngram.Spec
	Measure     ngram.Measure
	SearchFloor float64
	Floor       float64
	// OwnScore leaves the score by which a candidate was found to Scorers.
	OwnScore bool
	// Scorers have a say too: the lowest score counts.
	Scorers []Scorer
	// Guard decides on the texts as they were asked, also where their normal forms are the same. nil means
	// that the score alone decides.
	Guard Scorer
	// Threshold is what the guard has to reach, or the score where there is no guard.
	Threshold float64
	// Candidates is how many are judged at most; 0 means 16.
	Candidates int
}

const defaultCandidates = 16

func (s *Strategy) candidates() int {
	if s.Candidates == 0 {
		return defaultCandidates
	}
	return s.Candidates
}

// normalize returns the normal form of a text.
func (s *Strategy) normalize(ctx context.Context, text string) (string, error) {
	var err error
	for _, n := range s.Normalizers {
		if text, err = n.Normalize(ctx, text); err != nil {
			return "", err
		}
	}
	return text, nil
}

// score returns the lowest score that the scorers give each candidate, at most the ones they have.
func (s *Strategy) score(ctx context.Context, query string, candidates []string, scores []float64) error {
	for _, scorer := range s.Scorers {
		more, err := scorer.Score(ctx, query, candidates)
		if err != nil {
			return err
		}
		if err := hostapi.CheckScores(more, len(candidates)); err != nil {
			return err
		}
		for i, score := range more {
			scores[i] = min(scores[i], float64(score))
		}
	}
	return nil
}

// first is the score that a candidate has before the scorers are asked.
func (s *Strategy) first(found float64) float64 {
	if s.OwnScore {
		return 1
	}
	return found
}

// explain says what the guard has against a candidate, if it can.
func (s *Strategy) explain(ctx context.Context, query, candidate string) *hostapi.Explanation {
	explainer, ok := s.Guard.(Explainer)
	if !ok {
		return nil
	}
	why, err := explainer.Explain(ctx, query, candidate)
	if err != nil {
		return nil
	}
	return why
}

// Judgement is what a strategy says of one entry for one request.
type Judgement struct {
	Query, Stored string // normal forms
	Score         float64
	Serves        bool
	Kind          base.Kind
	Why           *hostapi.Explanation // of the guard; nil if it has none
}

// Judge says whether the answer to one prompt would serve another, as a lookup would decide it if the first
// were stored.
func (s *Strategy) Judge(ctx context.Context, query, stored string) (*Judgement, error) {
	q, set, err := s.form(ctx, query)
	if err != nil {
		return nil, err
	}
	c, other, err := s.form(ctx, stored)
	if err != nil {
		return nil, err
	}
	found := s.Measure.Of(set, other)
	scores := []float64{s.first(found)}
	if err := s.score(ctx, q.Text, []string{c.Text}, scores); err != nil {
		return nil, err
	}
	j := &Judgement{Query: q.Text, Stored: c.Text, Score: scores[0], Kind: base.KindApprox, Why: s.explain(ctx, query, stored)}
	if q.Text == c.Text {
		j.Kind = base.KindNormalized
	}
	if query == stored {
		j.Kind, j.Serves = base.KindExact, true
		return j, nil
	}
	if found < s.SearchFloor || found == 0 {
		return j, nil
	}
	j.Serves, err = s.passes(ctx, j.Score, query, stored)
	return j, err
}

// passes reports whether a candidate serves: by the guard, which sees the prompts as they were asked, or by
// the score where there is none.
func (s *Strategy) passes(ctx context.Context, score float64, query, stored string) (bool, error) {
	if score < s.Floor || s.Guard == nil {
		return s.Guard == nil && score >= max(s.Threshold, s.Floor), nil
	}
	scores, err := s.Guard.Score(ctx, query, []string{stored})
	if err == nil {
		err = hostapi.CheckScores(scores, 1)
	}
	return err == nil && float64(scores[0]) >= s.Threshold, err
}
