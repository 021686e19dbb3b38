package engine

import (
	"context"
	"fmt"
	"slices"

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

// Featurer returns for each text a set of numbers, ascending and each once. Texts that share many are alike.
type Featurer interface {
	Features(ctx context.Context, texts []string) ([][]uint64, error)
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
	// Grams make the set of a normal form, unless Features do. Generation covers either.
	Grams    ngram.Spec
	Features Featurer
	// Measure of the sets finds candidates: the Found that are most alike, of those whose score by it is at
	// least SearchFloor. They have a score of at least Floor by all scorers together. Found is 0 where as many
	// are found as are judged.
	Measure     ngram.Measure
	SearchFloor float64
	Floor       float64
	Found       int
	// Scan, if it is not 0, makes every entry of the namespace a candidate that Scorers score, whatever its
	// set; of more than Scan the newest.
	Scan int
	// OwnScore leaves the score by which a candidate was found to Scorers. It is set with Scan.
	OwnScore bool
	// Scorers have a say too: the lowest score counts.
	Scorers []Scorer
	// Names are what people call the scores, in order: that by which candidates are found, unless OwnScore,
	// then those of Scorers. They may be left out.
	Names []string
	// Guard decides on the texts as they were asked, also where their normal forms are the same. nil means
	// that the score alone decides.
	Guard Scorer
	// Threshold is what the guard has to reach, or the score where there is no guard.
	Threshold float64
	// Candidates is how many are judged at most, the most alike first; 0 means 16.
	Candidates int
}

const defaultCandidates = 16

func (s *Strategy) candidates() int {
	if s.Candidates == 0 {
		return defaultCandidates
	}
	return s.Candidates
}

// found is how many candidates a search finds at most.
func (s *Strategy) found() int { return max(s.Found, s.candidates()) }

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

// parityFloor is the floor from which parities let fewer entries through than presences do, where the sets are
// those of characters. Those of words and of plugins have few numbers, for which parities are wide.
const parityFloor = 0.65

// Kind returns the kind of signatures that serves the search best. Generation covers it.
func (s *Strategy) Kind() ngram.Kind {
	if s.Features == nil && s.Grams.Unit == ngram.Char && s.SearchFloor < parityFloor {
		return ngram.Presence
	}
	return s.Measure.Kind()
}

// set returns the set of a normal form.
func (s *Strategy) set(ctx context.Context, normal string) ([]uint64, error) {
	if s.Features == nil {
		return s.Grams.AppendSet(nil, normal), nil
	}
	sets, err := s.Features.Features(ctx, []string{normal})
	if err == nil {
		err = hostapi.CheckFeatures(sets, 1)
	}
	if err != nil {
		return nil, err
	}
	return sets[0], nil
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

// named puts names to scores. Where there are none, nothing is shown.
func (s *Strategy) named(scores []float64) (named []WhyScore) {
	for i := range min(len(scores), len(s.Names)) {
		named = append(named, WhyScore{s.Names[i], scores[i]})
	}
	return named
}

// search says how candidates are found.
func (s *Strategy) search() string {
	if s.Scan > 0 {
		return fmt.Sprintf("every entry is scored, the newest %d at most", s.Scan)
	}
	sets := fmt.Sprintf("%s n-grams of %d to %d", s.Grams.Unit, s.Grams.Min, s.Grams.Max)
	if s.Features != nil {
		sets = "sets of features"
	}
	found := fmt.Sprintf("the %d nearest by the %s score of their %s, %.2f or more", s.found(), s.Measure, sets, s.SearchFloor)
	if s.OwnScore {
		found += ", are scored"
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
	Query, Stored string  // normal forms
	Score         float64 // the lowest of Scores
	Scores        []float64
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
	scores, err := s.scores(ctx, found, q.Text, c.Text)
	if err != nil {
		return nil, err
	}
	j := &Judgement{
		Query: q.Text, Stored: c.Text, Score: slices.Min(append(scores, 1)), Scores: scores,
		Kind: base.KindApprox, Why: s.explain(ctx, query, stored),
	}
	if q.Text == c.Text {
		j.Kind = base.KindNormalized
	}
	if query == stored {
		j.Kind, j.Serves = base.KindExact, true
		return j, nil
	}
	if s.Scan == 0 && (found < s.SearchFloor || found == 0) {
		return j, nil
	}
	j.Serves, err = s.passes(ctx, j.Score, query, stored)
	return j, err
}

// scores returns what each scorer says of one candidate, and before that the score by which it was found,
// unless that does not count.
func (s *Strategy) scores(ctx context.Context, found float64, query, candidate string) (all []float64, err error) {
	if !s.OwnScore {
		all = append(all, found)
	}
	for i := range s.Scorers {
		only, score := *s, []float64{1}
		only.Scorers = s.Scorers[i : i+1]
		if err := only.score(ctx, query, []string{candidate}, score); err != nil {
			return nil, err
		}
		all = append(all, score[0])
	}
	return all, nil
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
