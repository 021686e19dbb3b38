package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kvasir-cache/kvasir/hostapi"
	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/keyspace"
	"github.com/kvasir-cache/kvasir/internal/ngram"
	"github.com/kvasir-cache/kvasir/internal/store"
)

// Why says what a lookup of a request looks at, and what it makes of it.
type Why struct {
	Model     string `json:"model"`     // id
	Namespace string `json:"namespace"` // where it is looked for; nothing outside is ever found
	Prompt    string `json:"prompt"`    // what is looked up there
	Strategy  string `json:"strategy,omitempty"`
	Search    string `json:"search,omitempty"` // how the strategy finds what is alike
	Form      string `json:"form,omitempty"`   // of the prompt; empty if it is only found exactly

	Exact   *WhyEntry  `json:"exact,omitempty"`   // the entry of exactly this request
	Nearest []WhyEntry `json:"nearest,omitempty"` // others, the most alike first
	Limits  []string   `json:"limits,omitempty"`  // that the search for them met, each a clause
	Verdict string     `json:"verdict"`           // a sentence
}

// WhyEntry is an entry that a lookup considers.
type WhyEntry struct {
	Entry
	Form   string               `json:"form,omitempty"`
	Score  float64              `json:"score"`            // the lowest of Scores
	Scores []WhyScore           `json:"scores,omitempty"` // of the strategy's scorers
	Serves bool                 `json:"serves"`
	Kind   base.Kind            `json:"kind,omitempty"` // that it would serve as
	Reason string               `json:"reason"`
	Guard  *hostapi.Explanation `json:"guard,omitempty"`
}

// WhyScore is what one scorer says of an entry.
type WhyScore struct {
	Scorer string  `json:"scorer"`
	Score  float64 `json:"score"`
}

// whyNearest is how many entries Why shows, and whyFloor how alike they are at least.
const (
	whyNearest  = 5
	whyFloor    = 0.2
	whyPatience = 3 * time.Second
)

// Why explains what Lookup would do with a request. It asks no hooks and counts no lookup. If the normalizers
// have changed, it waits a moment for the new normal forms.
func (e *Engine) Why(ctx context.Context, q *Query) (*Why, error) {
	if err := q.check(); err != nil {
		return nil, err
	}
	k, err := e.keysOf(q)
	if err != nil {
		return nil, err
	}
	w := &Why{Model: q.Model.String(), Namespace: k.namespace.String(), Prompt: k.canonical.Subject}
	if reason := e.bypasses(q.Request); reason != "" {
		w.Verdict = "bypass: " + reason
		return w, nil
	}
	about := *q
	q = &about
	if q.Strategy = e.strategyOf(q); q.Strategy != e.options.Strategy {
		if err := e.checkStrategy(ctx, q.Strategy); err != nil {
			return nil, err
		}
	}
	if err := e.whyExact(q, k, w); err != nil {
		return nil, err
	}
	if err := e.whyAlike(ctx, q, k, w); err != nil {
		return nil, err
	}
	w.conclude()
	return w, nil
}

func (e *Engine) whyExact(q *Query, k *keys, w *Why) error {
	id, entry, err := e.find(k)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	w.Exact = &WhyEntry{Entry: entryOf(id, entry, e.usesOf(id)), Score: 1, Serves: true, Kind: base.KindExact, Reason: "exactly this request"}
	w.Exact.withhold(e, q, entry)
	return nil
}

// withhold says what keeps an entry from serving, whatever its prompt.
func (w *WhyEntry) withhold(e *Engine, q *Query, entry *keyspace.Entry) {
	stale := w.Kind == base.KindExact && e.stillServes(q, entry)
	switch {
	case e.expired(entry) && !stale:
		w.Serves, w.Reason = false, "it expired"
	case q.tooOld(entry, e.options.Now()):
		w.Serves, w.Reason = false, "it is older than the request accepts"
	case tooLong(q, entry):
		w.Serves, w.Reason = false, fmt.Sprintf("its answer has %d tokens, more than the %d asked for", entry.Usage.CompletionTokens, q.Request.MaxTokens)
	case e.expired(entry):
		w.Reason += "; it expired, and serves while it is inferred anew"
	}
}

func (e *Engine) whyAlike(ctx context.Context, q *Query, k *keys, w *Why) error {
	m, err := e.matcher(ctx)
	if err != nil || m == nil || !k.hasForm() {
		return err
	}
	if w.Strategy = q.Strategy; q.Strategy == hostapi.StrategyExact {
		return nil
	}
	s := m.strategies[q.Strategy]
	if s == nil {
		return fmt.Errorf("there is no strategy %q", q.Strategy)
	}
	e.fillForms(m)
	e.matching.filling.waitFor(ctx, whyPatience)
	quest, err := newQuest(ctx, q, k, s)
	if err != nil {
		return err
	}
	w.Form, w.Search = quest.form.Text, s.search()
	matches, err := e.whyMatches(ctx, m.index, quest)
	if err != nil {
		return err
	}
	w.Limits = quest.limits
	for _, match := range matches {
		if w.Exact != nil && w.Exact.ID == keyspace.ID(match.ID).String() || len(w.Nearest) == whyNearest {
			continue
		}
		near, err := e.whyEntry(ctx, quest, match)
		if err != nil {
			return err
		}
		w.Nearest = append(w.Nearest, *near)
	}
	return nil
}

// whyMatches returns the entries to show, also those below the floor.
func (e *Engine) whyMatches(ctx context.Context, index *ngram.Index, quest *quest) (matches []ngram.Match, err error) {
	s := quest.strategy
	if s.Scan == 0 {
		o := ngram.SearchOptions{Measure: s.Measure, Floor: min(whyFloor, s.SearchFloor), Limit: whyNearest + 1}
		return e.nearest(index, quest, o), nil
	}
	all, err := e.scan(ctx, index, quest, whyFloor, whyNearest)
	for _, c := range all {
		quest.entries[uint64(c.id)] = c.entry
		matches = append(matches, ngram.Match{ID: uint64(c.id), Score: c.score})
	}
	return matches, err
}

func (e *Engine) whyEntry(ctx context.Context, quest *quest, match ngram.Match) (*WhyEntry, error) {
	id, entry, s := keyspace.ID(match.ID), quest.entries[match.ID], quest.strategy
	j, err := s.Judge(ctx, quest.keys.canonical.Subject, entry.Prompt)
	if err != nil {
		return nil, err
	}
	near := &WhyEntry{
		Entry: entryOf(id, entry, e.usesOf(id)), Form: j.Stored, Score: j.Score, Scores: s.named(j.Scores),
		Serves: j.Serves, Guard: j.Why,
	}
	switch {
	case j.Serves && e.options.ExactOnly && j.Kind == base.KindApprox:
		near.Serves, near.Reason = false, "its normal form is another one, and the mode is exact"
	case j.Serves:
		near.Kind, near.Reason = j.Kind, "nothing that matters differs"
	case s.Scan == 0 && match.Score < s.SearchFloor:
		near.Reason = fmt.Sprintf("it is alike by %.2f, and what is found has %.2f or more", match.Score, s.SearchFloor)
	case j.Score < s.Floor:
		near.Reason = fmt.Sprintf("it is alike by %.2f, less than the floor of %.2f", j.Score, s.Floor)
	case s.Guard == nil:
		near.Reason = fmt.Sprintf("it is alike by %.2f, less than the threshold of %.2f", j.Score, s.Threshold)
	case j.Why != nil && j.Why.Reason != "":
		near.Reason = j.Why.Reason
	default:
		near.Reason = "the guard refused it"
	}
	if g := j.Why; g != nil && g.Verdict == "different" && g.Reason != "" && near.Reason != g.Reason {
		near.Reason += ", and the guard refuses it: " + g.Reason
	}
	near.withhold(e, quest.query, entry)
	if near.Serves {
		score := near.Score
		if near.Kind == base.KindNormalized {
			score = 1
		}
		if why := e.quarantined(ctx, quest, entry, id, score); why != "" {
			near.Serves, near.Reason = false, why
		}
	}
	return near, nil
}

// conclude says what the lookup comes to, and what would have changed it.
func (w *Why) conclude() {
	if w.Exact != nil && w.Exact.Serves {
		w.Verdict = "answer (exact) from entry " + w.Exact.ID
		return
	}
	for i := range w.Nearest {
		if n := &w.Nearest[i]; n.Serves {
			w.Verdict = fmt.Sprintf("answer (%s) from entry %s", n.Kind, n.ID)
			if w.Exact != nil {
				w.Verdict = fmt.Sprintf("the entry of exactly this request does not serve: %s; %s", w.Exact.Reason, w.Verdict)
			}
			return
		}
	}
	switch {
	case w.Exact != nil:
		w.Verdict = "miss: the entry of exactly this request does not serve: " + w.Exact.Reason
	case len(w.Nearest) > 0:
		w.Verdict = fmt.Sprintf("miss: entry %s would serve but for this: %s", w.Nearest[0].ID, w.Nearest[0].Reason)
	default:
		w.Verdict = "miss: nothing like it is stored for this model and these parameters"
	}
}
