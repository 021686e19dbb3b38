package engine

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/kvasir-cache/kvasir/hostapi"
	"github.com/kvasir-cache/kvasir/internal/keyspace"
	"github.com/kvasir-cache/kvasir/internal/ngram"
)

// candidate is an entry that might serve.
type candidate struct {
	id    keyspace.ID
	entry *keyspace.Entry
	form  string  // of its prompt, in the query's generation
	score float64 // the lowest of all scorers
}

// quest is one approximate lookup.
type quest struct {
	query    *Query
	keys     *keys
	strategy *Strategy
	form     keyspace.Form
	set      []uint64
	group    keyspace.Group
	entries  map[uint64]*keyspace.Entry // that the search read and that may serve
	limits   []string                   // that it met, each a clause for a person
	cutScan  bool                       // one of them is that of entries to scan
}

func newQuest(ctx context.Context, q *Query, k *keys, s *Strategy) (*quest, error) {
	form, set, err := s.form(ctx, k.canonical.Subject)
	if err != nil {
		return nil, err
	}
	return &quest{
		query: q, keys: k, strategy: s, form: form, set: set, entries: map[uint64]*keyspace.Entry{},
		group: keyspace.GroupOf(keyspace.Hash(k.namespace), form.Generation),
	}, nil
}

// candidates returns the entries that may serve, the most alike first.
func (e *Engine) candidates(ctx context.Context, index *ngram.Index, quest *quest) ([]candidate, error) {
	s := quest.strategy
	if s.Scan > 0 && !e.options.ExactOnly {
		return e.scan(ctx, index, quest, s.Floor, s.candidates())
	}
	o := ngram.SearchOptions{Measure: s.Measure, Floor: s.SearchFloor, Limit: s.found()}
	if e.options.ExactOnly {
		o.Measure, o.Floor = ngram.ByJaccard, 1
	}
	return e.scored(ctx, quest, e.nearest(index, quest, o))
}

// nearest returns the entries that the index finds.
func (e *Engine) nearest(index *ngram.Index, quest *quest, o ngram.SearchOptions) []ngram.Match {
	o.MaxReads = max(ngram.DefaultMaxReads, 2*o.Limit)
	matches, info := index.Search(quest.group, quest.set, o, e.reader(quest))
	if info.Incomplete {
		quest.limits = append(quest.limits, fmt.Sprintf("so many entries are alike that only %d were read, and a nearer one may be among the others", info.Read))
	}
	return matches
}

// reader returns the function by which a search reads the sets of entries.
func (e *Engine) reader(quest *quest) func(id uint64) ([]uint64, bool) {
	var buffer []uint64
	return func(id uint64) ([]uint64, bool) {
		entry, form := e.usable(quest, keyspace.ID(id))
		if entry == nil {
			return nil, false
		}
		if quest.strategy.Features != nil {
			set, err := e.featuresOf(quest, keyspace.ID(id), form)
			if err != nil {
				return nil, false
			}
			buffer = set
		} else {
			buffer = quest.strategy.Grams.AppendSet(buffer[:0], form.Text)
		}
		quest.entries[id] = entry
		return buffer, true
	}
}

// usable reads an entry, and returns it with its form if it may serve at all.
func (e *Engine) usable(quest *quest, id keyspace.ID) (*keyspace.Entry, *keyspace.Form) {
	entry, err := e.read(id)
	if err != nil || entry.Namespace != keyspace.Hash(quest.keys.namespace) || e.expired(entry) || tooLong(quest.query, entry) ||
		quest.query.tooOld(entry, e.options.Now()) {
		return nil, nil
	}
	form := formOf(entry, quest.form.Generation)
	if form == nil {
		return nil, nil
	}
	return entry, form
}

// featuresOf reads the set that a plugin made of the form of an entry when it was stored.
func (e *Engine) featuresOf(quest *quest, id keyspace.ID, form *keyspace.Form) (set []uint64, err error) {
	key := keyspace.SignatureKey(quest.group, form.Grams, id)
	err = e.store.View(key, func(value []byte) error {
		s, err := keyspace.DecodeSignature(key, value)
		if err == nil {
			set = s.Set
		}
		return err
	})
	return set, err
}

func formOf(entry *keyspace.Entry, generation [16]byte) *keyspace.Form {
	for i := range entry.Forms {
		if entry.Forms[i].Generation == generation {
			return &entry.Forms[i]
		}
	}
	return nil
}

// scored makes candidates of what a search found, and lets the scorers have their say.
func (e *Engine) scored(ctx context.Context, quest *quest, matches []ngram.Match) ([]candidate, error) {
	var all []candidate
	for _, match := range matches {
		entry := quest.entries[match.ID]
		form := formOf(entry, quest.form.Generation).Text
		if e.options.ExactOnly && form != quest.form.Text {
			continue
		}
		all = append(all, candidate{id: keyspace.ID(match.ID), entry: entry, form: form, score: quest.strategy.first(match.Score)})
	}
	return all, quest.score(ctx, all)
}

// score lets the scorers judge candidates, and sorts them, the most alike first.
func (quest *quest) score(ctx context.Context, all []candidate) error {
	for part := range slices.Chunk(all, hostapi.MaxCandidates) {
		texts, scores := make([]string, len(part)), make([]float64, len(part))
		for i := range part {
			texts[i], scores[i] = part[i].form, part[i].score
		}
		if err := quest.strategy.score(ctx, quest.form.Text, texts, scores); err != nil {
			return err
		}
		for i := range part {
			part[i].score = scores[i]
		}
	}
	slices.SortStableFunc(all, func(a, b candidate) int { return cmp.Compare(b.score, a.score) })
	return nil
}

// scan lets the scorers judge the newest entries of the namespace, and those of the same normal form whatever
// their age. It returns those of at least floor, the most alike first, one more than limit at most.
func (e *Engine) scan(ctx context.Context, index *ngram.Index, quest *quest, floor float64, limit int) (best []candidate, err error) {
	ids, all := index.Newest(quest.group, quest.strategy.Scan)
	if !all {
		quest.cutScan = true
		quest.limits = append(quest.limits, fmt.Sprintf("only the newest %d entries were looked at", quest.strategy.Scan))
	}
	for _, same := range e.nearest(index, quest, ngram.SearchOptions{Floor: 1, Limit: limit}) {
		ids = append(ids, same.ID)
	}
	slices.Sort(ids)
	for part := range slices.Chunk(slices.Compact(ids), hostapi.MaxCandidates) {
		var some []candidate
		for _, id := range part {
			if entry, form := e.usable(quest, keyspace.ID(id)); entry != nil {
				some = append(some, candidate{id: keyspace.ID(id), entry: entry, form: form.Text, score: 1})
			}
		}
		if err := quest.score(ctx, some); err != nil {
			return nil, err
		}
		best = append(best, some...)
		slices.SortStableFunc(best, func(a, b candidate) int { return cmp.Compare(b.score, a.score) })
		enough := func(c candidate) bool { return c.score < floor }
		if low := slices.IndexFunc(best, enough); low >= 0 {
			best = best[:low]
		}
		best = best[:min(len(best), limit+1)]
	}
	return best, nil
}
