package engine

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/kvasir-cache/kvasir/internal/keyspace"
	"github.com/kvasir-cache/kvasir/internal/ngram"
)

// matcher finds entries by their normal forms. It is made when it is first needed, since an exact hit needs
// none of it: the strategies are loaded, and the index is read from the store.
type matcher struct {
	strategies map[string]*Strategy
	index      *ngram.Index
}

// matching is where an engine keeps its matcher.
type matching struct {
	making sync.Mutex
	mu     struct {
		sync.Mutex
		matcher *matcher // nil until it is needed
	}
	filling filling
	wrong   atomic.Int32 // see hasWrong
}

// matcher returns the matcher, and makes it the first time. It is nil if the engine has no strategies. The
// caller does not hold e.changing.
func (e *Engine) matcher(ctx context.Context) (*matcher, error) {
	if e.options.Strategies == nil {
		return nil, nil
	}
	if m := e.loadedMatcher(); m != nil {
		return m, nil
	}
	e.matching.making.Lock()
	defer e.matching.making.Unlock()
	if m := e.loadedMatcher(); m != nil {
		return m, nil
	}
	strategies, err := e.options.Strategies(ctx)
	if err != nil {
		return nil, fmt.Errorf("strategies: %w", err)
	}
	m := &matcher{strategies: map[string]*Strategy{}, index: ngram.NewIndex()}
	for _, s := range strategies {
		m.strategies[s.Name] = s
	}
	e.changing.Lock() // so that no entry comes or goes between the index and its use
	defer e.changing.Unlock()
	if err := e.readIndex(m.index); err != nil {
		return nil, err
	}
	e.matching.mu.Lock()
	defer e.matching.mu.Unlock()
	e.matching.mu.matcher = m
	return m, nil
}

// names returns the names of the strategies, sorted; none of a nil matcher.
func (m *matcher) names() []string {
	if m == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(m.strategies))
}

// loadedMatcher returns the matcher if it was made.
func (e *Engine) loadedMatcher() *matcher {
	e.matching.mu.Lock()
	defer e.matching.mu.Unlock()
	return e.matching.mu.matcher
}

// readIndex fills an index from the store. A damaged signature is left out; its entry is found exactly.
func (e *Engine) readIndex(index *ngram.Index) error {
	for row, err := range e.store.Walk(keyspace.SignaturePrefix()) {
		if err != nil {
			return err
		}
		group, size, id, err := keyspace.ParseSignatureKey(row.Key)
		if err == nil {
			var s *keyspace.Signature
			if s, err = keyspace.DecodeSignature(row.Key, row.Value); err == nil {
				err = index.Add(group, uint64(id), ngram.Kind(s.Kind), int(size), s.Words)
			}
		}
		if err != nil {
			e.failed("read index", err)
		}
	}
	return nil
}

// form returns the normal form of a text under a strategy, and its set.
func (s *Strategy) form(ctx context.Context, text string) (keyspace.Form, []uint64, error) {
	generation := s.Generation()
	normal, err := s.normalize(ctx, text)
	if err != nil {
		return keyspace.Form{}, nil, err
	}
	set, err := s.set(ctx, normal)
	if err != nil {
		return keyspace.Form{}, nil, err
	}
	return keyspace.Form{Generation: generation, Grams: uint32(len(set)), Text: normal}, set, nil
}

// signed are the signatures of the forms of one entry, by generation.
type signed map[[16]byte]*keyspace.Signature

// sign returns the signature of a set of the strategy. A set that a plugin made is kept with it, so that a
// lookup need not ask the plugin about every entry it reads.
func (s *Strategy) sign(set []uint64) *keyspace.Signature {
	kind := s.Kind()
	signature := &keyspace.Signature{Kind: uint8(kind), Words: kind.Signature(set)}
	if s.Features != nil {
		signature.Set = set
	}
	return signature
}

// indexForms adds the forms of an entry to what a change writes.
func (c *change) indexForms(e *Engine, id keyspace.ID, entry *keyspace.Entry, signatures signed) {
	m := e.loadedMatcher()
	if m == nil {
		return
	}
	for _, form := range entry.Forms {
		group, s := keyspace.GroupOf(entry.Namespace, form.Generation), signatures[form.Generation]
		key := keyspace.SignatureKey(group, form.Grams, id)
		c.set(key, keyspace.EncodeSignature(key, s))
		c.then = append(c.then, func() {
			if err := m.index.Add(group, uint64(id), ngram.Kind(s.Kind), int(form.Grams), s.Words); err != nil {
				e.failed("index", err)
			}
		})
	}
}

// forgetForms adds the end of what leads to the forms of an entry.
func (c *change) forgetForms(e *Engine, id keyspace.ID, entry *keyspace.Entry) {
	for _, form := range entry.Forms {
		group := keyspace.GroupOf(entry.Namespace, form.Generation)
		c.delete(keyspace.SignatureKey(group, form.Grams, id))
		c.then = append(c.then, func() {
			if m := e.loadedMatcher(); m != nil {
				m.index.Remove(group, uint64(id), int(form.Grams))
			}
		})
	}
}
