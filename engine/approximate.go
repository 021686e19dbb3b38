package engine

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/kvasir-cache/kvasir/hostapi"
	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/keyspace"
	"github.com/kvasir-cache/kvasir/internal/ngram"
)

// candidate is an entry that might serve.
type candidate struct {
	id    keyspace.ID
	entry *keyspace.Entry
	form  string  // of its prompt, in the query's generation
	score float64 // of the forms, and the lowest of all scorers
}

// quest is one approximate lookup.
type quest struct {
	query    *Query
	keys     *keys
	strategy *Strategy
	form     keyspace.Form
	entries  map[uint64]*keyspace.Entry // read so far
}

// alike looks for an entry of another text that serves, when exactly the query has none. It returns nil if
// there is nothing to say.
func (e *Engine) alike(ctx context.Context, q *Query, k *keys, strategy string) *Found {
	if strategy == hostapi.StrategyExact || !k.hasForm() {
		return nil
	}
	m, err := e.matcher(ctx)
	if m == nil && err == nil {
		return nil
	}
	if err != nil {
		return e.unmatched(ctx, err)
	}
	e.fillForms(m)
	s := m.strategies[strategy]
	if s == nil {
		return e.unmatched(ctx, fmt.Errorf("there is no strategy %q", strategy))
	}
	found, err := e.match(ctx, m.index, q, k, s)
	if err != nil {
		return e.unmatched(ctx, err)
	}
	return found
}

// unmatched is the miss of a lookup whose strategy failed: what is alike was not found, whatever it was.
func (e *Engine) unmatched(ctx context.Context, err error) *Found {
	if ctx.Err() == nil { // else the caller left, and nothing is wrong
		e.report("match", err)
	}
	e.totals.add(missUnmatched, 1)
	return miss("no stored answer to exactly this request, and matching failed: " + err.Error())
}

// hasForm reports whether a request's subject has a normal form: it is a person's text, and plugins take it.
func (k *keys) hasForm() bool {
	return k.canonical.Approximate && len(k.canonical.Subject) <= hostapi.MaxText
}

func (e *Engine) match(ctx context.Context, index *ngram.Index, q *Query, k *keys, s *Strategy) (*Found, error) {
	form, set, err := s.form(ctx, k.canonical.Subject)
	if err != nil {
		return nil, err
	}
	quest := &quest{query: q, keys: k, strategy: s, form: form, entries: map[uint64]*keyspace.Entry{}}
	o := ngram.SearchOptions{Measure: s.Measure, Floor: s.SearchFloor, Limit: s.candidates()}
	if e.options.ExactOnly {
		o.Measure, o.Floor = ngram.ByJaccard, 1
	}
	matches, info := index.Search(keyspace.GroupOf(keyspace.Hash(k.namespace), form.Generation), set, o, e.reader(quest))
	if info.Incomplete {
		e.totals.add(searchIncomplete, 1)
	}
	candidates, err := e.candidates(ctx, quest, matches)
	if err != nil {
		return nil, err
	}
	return e.choose(ctx, quest, candidates)
}

// reader returns the function by which a search reads the sets of entries.
func (e *Engine) reader(quest *quest) func(id uint64) ([]uint64, bool) {
	var buffer []uint64
	return func(id uint64) ([]uint64, bool) {
		entry, err := e.read(keyspace.ID(id))
		if err != nil || entry.Namespace != keyspace.Hash(quest.keys.namespace) || e.expired(entry) || tooLong(quest.query, entry) ||
			quest.query.tooOld(entry, e.options.Now()) {
			return nil, false
		}
		for _, form := range entry.Forms {
			if form.Generation == quest.form.Generation {
				quest.entries[id] = entry
				buffer = quest.strategy.Grams.AppendSet(buffer[:0], form.Text)
				return buffer, true
			}
		}
		return nil, false
	}
}

// candidates returns the entries of matches that may serve at all, with their scores.
func (e *Engine) candidates(ctx context.Context, quest *quest, matches []ngram.Match) ([]candidate, error) {
	var all []candidate
	var texts []string
	var scores []float64
	for _, match := range matches {
		entry := quest.entries[match.ID]
		c := candidate{id: keyspace.ID(match.ID), entry: entry, form: formOf(entry, quest.form.Generation), score: match.Score}
		if e.options.ExactOnly && c.form != quest.form.Text {
			continue
		}
		all, texts, scores = append(all, c), append(texts, c.form), append(scores, quest.strategy.first(match.Score))
	}
	if len(all) == 0 {
		return nil, nil
	}
	if err := quest.strategy.score(ctx, quest.form.Text, texts, scores); err != nil {
		return nil, err
	}
	for i := range all {
		all[i].score = scores[i]
	}
	slices.SortStableFunc(all, func(a, b candidate) int { return cmp.Compare(b.score, a.score) })
	return all, nil
}

func formOf(entry *keyspace.Entry, generation [16]byte) string {
	for _, form := range entry.Forms {
		if form.Generation == generation {
			return form.Text
		}
	}
	return ""
}

func (e *Engine) expired(entry *keyspace.Entry) bool {
	return entry.Expires != 0 && e.options.Now().UnixNano() >= entry.Expires
}

func tooLong(q *Query, entry *keyspace.Entry) bool {
	most := q.Request.MaxTokens
	return most > 0 && entry.Usage.CompletionTokens > most
}

// choose returns the first candidate that passes, or the miss that says why the best one did not.
func (e *Engine) choose(ctx context.Context, quest *quest, candidates []candidate) (*Found, error) {
	for i := range candidates {
		c := &candidates[i]
		passes, err := quest.strategy.passes(ctx, c.score, quest.keys.canonical.Subject, c.entry.Prompt)
		if err != nil {
			return nil, err
		}
		if !passes {
			continue
		}
		found := e.serves(quest, c)
		if found.Score < quest.query.Control.MinScore {
			return e.asked(fmt.Sprintf("the nearest entry, %s, is alike by %.2f, less than the request accepts", c.id, c.score)), nil
		}
		if rejected, reason := e.askHit(ctx, quest.query, found, c.id, c.entry); rejected {
			return e.rejected(reason), nil
		}
		e.uses.add(c.id, e.options.Now())
		e.options.Logger.Info("served a request that is alike", "kind", found.Kind, "score", fmt.Sprintf("%.3f", found.Score),
			"strategy", quest.strategy.Name, "entry", found.Entry)
		return found, nil
	}
	if len(candidates) == 0 {
		return nil, nil
	}
	e.totals.add(missGuard, 1)
	return miss(quest.refusal(ctx, &candidates[0])), nil
}

func (quest *quest) refusal(ctx context.Context, c *candidate) string {
	reason := fmt.Sprintf("the nearest entry, %s, is alike by %.2f", c.id, c.score)
	if quest.strategy.Guard == nil {
		return fmt.Sprintf("%s, less than %.2f", reason, quest.strategy.Threshold)
	}
	if why := quest.strategy.explain(ctx, quest.keys.canonical.Subject, c.entry.Prompt); why != nil && why.Reason != "" {
		return because(reason+", and asks something else", why.Reason)
	}
	return reason + ", and asks something else"
}

func (e *Engine) serves(quest *quest, c *candidate) *Found {
	found := answerOf(c.id, c.entry)
	when := ago(e.options.Now().Sub(moment(c.entry.Created)))
	found.Kind, found.Score = base.KindApprox, c.score
	found.Reason = fmt.Sprintf("a request that is alike by %.2f and differs in nothing that matters was answered %s", c.score, when)
	if quest.strategy.Guard == nil {
		found.Reason = fmt.Sprintf("a request that is alike by %.2f was answered %s", c.score, when)
	}
	if c.form == quest.form.Text {
		found.Kind, found.Score = base.KindNormalized, 1
		found.Reason = "a request with the same normal form was answered " + when
	}
	return found
}

// formsOf returns the normal forms to store with an entry, with their sets by generation.
func (e *Engine) formsOf(ctx context.Context, k *keys) (forms []keyspace.Form, sets map[[16]byte][]uint64) {
	if !k.hasForm() {
		return nil, nil
	}
	m, err := e.matcher(ctx)
	if m == nil && err == nil {
		return nil, nil
	}
	if err == nil {
		forms, sets, err = m.formsOf(ctx, k.canonical.Subject)
	}
	if err != nil && ctx.Err() == nil { // the entry is found exactly, and filled later
		e.report("normalize", err)
		e.matching.filling.again()
	}
	return forms, sets
}

// formsOf returns the normal forms of a text under every strategy, each generation once. If one of them
// cannot be made, those that can come with the error.
func (m *matcher) formsOf(ctx context.Context, text string) (forms []keyspace.Form, sets map[[16]byte][]uint64, err error) {
	sets = map[[16]byte][]uint64{}
	for _, s := range m.strategies {
		form, set, failure := s.form(ctx, text)
		if failure != nil {
			err = failure
			continue
		}
		if _, known := sets[form.Generation]; !known {
			forms, sets[form.Generation] = append(forms, form), set
		}
	}
	return forms, sets, err
}
