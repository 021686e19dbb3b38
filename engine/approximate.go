package engine

import (
	"context"
	"fmt"
	"strings"

	"github.com/kvasir-cache/kvasir/hostapi"
	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/keyspace"
	"github.com/kvasir-cache/kvasir/internal/ngram"
)

// alike looks for an entry of another text that serves, when exactly the query has none. It returns nil if
// there is nothing to say.
func (e *Engine) alike(ctx context.Context, q *Query, k *keys) *Found {
	if q.Strategy == hostapi.StrategyExact || !k.hasForm() {
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
	s := m.strategies[q.Strategy]
	if s == nil {
		return e.unmatched(ctx, fmt.Errorf("there is no strategy %q", q.Strategy))
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

// match looks for entries that are alike, and judges them.
func (e *Engine) match(ctx context.Context, index *ngram.Index, q *Query, k *keys, s *Strategy) (*Found, error) {
	quest, err := newQuest(ctx, q, k, s)
	if err != nil {
		return nil, err
	}
	candidates, err := e.candidates(ctx, index, quest)
	if err != nil {
		return nil, err
	}
	found, err := e.choose(ctx, quest, candidates)
	if len(quest.limits) > 0 && err == nil {
		e.totals.add(searchIncomplete, 1)
	}
	if quest.cutScan {
		e.totals.add(scanIncomplete, 1)
	}
	return found, err
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
	judged := candidates[:min(len(candidates), quest.strategy.candidates())]
	var wrong []string
	for i := range judged {
		c := &judged[i]
		passes, err := quest.strategy.passes(ctx, c.score, quest.keys.canonical.Subject, c.entry.Prompt)
		if err != nil {
			return nil, err
		}
		if !passes {
			continue
		}
		found := e.serves(quest, c)
		if why := e.quarantined(ctx, quest, c.entry, c.id, found.Score); why != "" {
			wrong = append(wrong, why)
			continue
		}
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
	if len(judged) < len(candidates) && candidates[len(judged)].score >= quest.strategy.Floor {
		quest.limits = append(quest.limits, fmt.Sprintf("only the %d most alike were judged", len(judged)))
	}
	if len(wrong) > 0 {
		e.totals.add(missWrong, 1)
		return miss(strings.Join(append(wrong[:1], quest.limits...), "; ")), nil
	}
	return e.refused(ctx, quest, judged), nil
}

// refused is the miss of a lookup of which no candidate passed. It is nil where there is nothing to say.
func (e *Engine) refused(ctx context.Context, quest *quest, judged []candidate) *Found {
	reason := "no stored answer to exactly this request"
	switch {
	case len(judged) > 0:
		e.totals.add(missGuard, 1)
		reason = quest.refusal(ctx, &judged[0])
	case len(quest.limits) == 0:
		return nil
	default:
		e.totals.add(missAbsent, 1)
	}
	return miss(strings.Join(append([]string{reason}, quest.limits...), "; "))
}

func (quest *quest) refusal(ctx context.Context, c *candidate) string {
	reason := fmt.Sprintf("the nearest entry, %s, is alike by %.2f", c.id, c.score)
	switch s := quest.strategy; {
	case c.score < s.Floor:
		return fmt.Sprintf("%s, less than the floor of %.2f", reason, s.Floor)
	case s.Guard == nil:
		return fmt.Sprintf("%s, less than %.2f", reason, s.Threshold)
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

// formsOf returns the normal forms to store with an entry, with their signatures.
func (e *Engine) formsOf(ctx context.Context, k *keys) (forms []keyspace.Form, signatures signed) {
	if !k.hasForm() {
		return nil, nil
	}
	m, err := e.matcher(ctx)
	if m == nil && err == nil {
		return nil, nil
	}
	if err == nil {
		forms, signatures, err = m.formsOf(ctx, k.canonical.Subject)
	}
	if err != nil && ctx.Err() == nil { // the entry is found exactly, and filled later
		e.report("normalize", err)
		e.matching.filling.again()
	}
	return forms, signatures
}

// formsOf returns the normal forms of a text under every strategy, each generation once. If one of them
// cannot be made, those that can come with the error.
func (m *matcher) formsOf(ctx context.Context, text string) (forms []keyspace.Form, signatures signed, err error) {
	signatures = signed{}
	for _, s := range m.strategies {
		form, set, failure := s.form(ctx, text)
		if failure != nil {
			err = failure
			continue
		}
		if signatures[form.Generation] == nil {
			forms, signatures[form.Generation] = append(forms, form), s.sign(set)
		}
	}
	return forms, signatures, err
}
