package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kvasir-cache/kvasir/hostapi"
	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/blob"
	"github.com/kvasir-cache/kvasir/internal/fingerprint"
	"github.com/kvasir-cache/kvasir/internal/keyspace"
)

// StateID identifies what the bits of saved state depend on: the model and what computes it.
type StateID = fingerprint.ID

// StateQuery asks for the saved state of a prompt.
type StateQuery struct {
	Tenant         string
	State          StateID
	FlashAttention bool
	Tokens         []base.Token // the prompt
	Restore        Restore      // what a hook said
	// Recompute asks for everything of the prompt to be saved, whatever it costs.
	Recompute bool
}

// Lease says what of a prompt's state to restore and what to save. Until it is settled, or for half an hour,
// the chunks in it are not evicted.
type Lease struct {
	ID       uint64         // for Settle; 0 if there is nothing to restore and nothing to save
	Plan     base.StatePlan // without Done
	Stored   int            // first tokens of the prompt that are stored
	Restored int            // of them, those that the plan restores
	Cost     time.Duration  // what computing those had taken
	Origin   base.Origin    // of those; decode if one chunk is
	Reason   string         // why not more, as a sentence
	AskFirst bool           // nothing may be saved of an answer that hooks were not asked about
	Answers  Answers
}

// leaseTime is how long a lease lives that nobody settles, such as one of a process that died.
const leaseTime = 30 * time.Minute

// lease is what is remembered of a Lease.
type lease struct {
	query   *StateQuery
	seed    blob.Key
	keys    []blob.Key // of the full chunks of the prompt and of its rest
	chunks  []*chunk   // restored
	plan    base.StatePlan
	expires int64
}

// Resume finds the longest beginning of a prompt that is stored and may be restored, and says what to do
// with the rest. Failures are leases of nothing, with a reason; an error means that ctx ended or the engine is
// closed.
func (e *Engine) Resume(ctx context.Context, q *StateQuery) (*Lease, error) {
	if q == nil || len(q.Tokens) == 0 {
		return nil, &base.Error{Sentinel: base.ErrInvalid, Message: "the query for saved state has no tokens"}
	}
	s := e.states
	switch err := s.wait(ctx); {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		e.totals.add(stateFailures, 1)
		return &Lease{Reason: "saved state cannot be read: " + err.Error()}, nil
	case s.closing():
		return nil, ErrClosed
	case s.dir == "" && s.options.Off:
		return &Lease{Reason: "saved state is off"}, nil
	case s.dir == "":
		return &Lease{Reason: "the cache is in memory, and saved state needs files"}, nil
	}
	salt, err := e.salts.Salt(q.Tenant)
	seed := fingerprint.StateSeed(salt, q.State)
	var secret *[32]byte
	if err == nil {
		secret, err = s.secretOf(seed)
	}
	if err != nil {
		e.totals.add(stateFailures, 1)
		e.failed("resume", err)
		return &Lease{Reason: "the store failed: " + err.Error()}, nil
	}
	l := &lease{query: q, seed: blob.Key(seed), keys: keysOfChunks(blob.Key(seed), q.Tokens)}
	l.plan = base.StatePlan{Dir: s.dir, Secret: *secret, Sealed: e.store.Sealed() != nil, ID: q.State, Seed: seed, MinPrefill: s.options.MinPrefill, Near: s.options.Close}
	return s.lease(l), nil
}

// lease makes the lease of a prompt.
func (s *states) lease(l *lease) *Lease {
	f := s.find(l)
	out := &Lease{Stored: f.stored, AskFirst: s.engine.wants(hostapi.RoleOnStore), Answers: s.options.Answers}
	for _, c := range l.chunks {
		l.plan.Restore = append(l.plan.Restore, c.tokens)
		out.Restored += c.tokens
		out.Cost += c.cost
		if out.Origin == "" || c.origin == base.OriginDecode {
			out.Origin = c.origin
		}
	}
	out.Reason = s.explain(l, f)
	out.Plan, out.ID = l.plan, f.id
	return out
}

// found is what a search for a prompt's state came to.
type stateFound struct {
	id     uint64 // of the lease
	stored int    // tokens
	full   int    // chunks stored
	most   int    // tokens that may be restored, by the boundary
	limit  int    // and by the hook
}

// find fills in a lease and gives it out.
func (s *states) find(l *lease) (f stateFound) {
	q, now := l.query, s.engine.options.Now().UnixNano()
	edge := boundaryOf(q.FlashAttention, s.options.Close)
	f.most = edge.most(len(q.Tokens))
	f.limit = f.most
	switch {
	case q.Restore.Never:
		f.limit = 0
	case q.Restore.Limited:
		f.limit = min(f.most, max(0, q.Restore.Tokens)/edge.multiple*edge.multiple)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for f.full < len(q.Tokens)/base.ChunkTokens && s.mu.chunks.byKey[l.keys[f.full]] != nil {
		f.full++
	}
	restored := min(f.full, f.limit/base.ChunkTokens)
	for _, key := range l.keys[:restored] {
		l.chunks = append(l.chunks, s.mu.chunks.byKey[key])
	}
	f.stored = f.full * base.ChunkTokens
	if c := s.shorterLocked(l, restored, f.limit, edge); c != nil {
		l.chunks = append(l.chunks, c)
		f.stored = max(f.stored, restored*base.ChunkTokens+c.tokens)
	}
	s.planSavingLocked(l, f, edge)
	if len(l.chunks) == 0 && !l.plan.Save {
		return f
	}
	for _, c := range l.chunks {
		c.leases++
	}
	s.mu.last++
	f.id = s.mu.last
	l.expires = now + int64(leaseTime)
	s.mu.leases[f.id] = l
	return f
}

// shorterLocked finds the longest chunk shorter than a full one that follows the full ones.
func (s *states) shorterLocked(l *lease, full, limit int, edge boundary) *chunk {
	parent := l.parent(full)
	if edge.multiple == base.ChunkTokens || s.mu.chunks.first[parent] == nil {
		return nil
	}
	from := full * base.ChunkTokens
	for length := min(limit-from, base.ChunkTokens-edge.multiple); length > 0; length -= edge.multiple {
		if c := s.mu.chunks.byKey[blob.NextKey(parent, l.query.Tokens[from:from+length])]; c != nil {
			return c
		}
	}
	return nil
}

// parent returns the key that the chunk with a number follows.
func (l *lease) parent(n int) blob.Key {
	if n == 0 {
		return l.seed
	}
	return l.keys[n-1]
}

// planSavingLocked says what of the rest is to be saved: nothing, where a hook has the model read what is stored;
// at once, what was computed before.
func (s *states) planSavingLocked(l *lease, f stateFound, edge boundary) {
	restored := 0
	for _, c := range l.chunks {
		restored += c.tokens
	}
	l.plan.SaveAnswer = s.options.Answers == AnswersDecoded && !l.query.Recompute
	l.plan.Save = restored >= f.full*base.ChunkTokens && (f.most > 0 || l.plan.SaveAnswer)
	if l.query.Recompute || f.full < len(l.keys) && s.mu.seen.has(l.keys[f.full]) {
		l.plan.MinPrefill = 0
	}
}

// Times and numbers of a reason.
const nearestLooked = 8 // chunks that are compared to say where a prompt diverges

// explain says why not more is restored.
func (s *states) explain(l *lease, f stateFound) string {
	q := l.query
	switch {
	case q.Restore.Never:
		return "a hook had it read from the beginning"
	case q.Restore.Limited && f.stored > f.limit && f.limit < f.most:
		return fmt.Sprintf("a hook allowed no more than %s tokens", grouped(q.Restore.Tokens))
	case f.stored >= f.most && f.stored > 0:
		return "the rest is too short to be left out without other bits"
	case f.most == 0:
		return "the prompt is too short"
	}
	parent := l.parent(f.full)
	common, diverges := s.nearest(parent, q.Tokens[f.full*base.ChunkTokens:])
	at := f.full*base.ChunkTokens + common
	switch {
	case at == 0:
		return "nothing stored begins like this"
	case diverges:
		return fmt.Sprintf("what is stored diverges at token %s", grouped(at))
	}
	return fmt.Sprintf("nothing is stored beyond token %s", grouped(at))
}

// nearest returns how many tokens those that follow a chunk share with others that do, as far as a few of them
// say, and whether those go on otherwise.
func (s *states) nearest(parent blob.Key, tokens []base.Token) (common int, diverges bool) {
	s.mu.Lock()
	var keys []blob.Key
	for c := s.mu.chunks.first[parent]; c != nil && len(keys) < nearestLooked; c = c.next {
		keys = append(keys, c.key)
	}
	s.mu.Unlock()
	for _, key := range keys {
		record, err := s.record(key)
		if err != nil {
			continue
		}
		n := 0
		for n < min(len(tokens), len(record.Tokens)) && tokens[n] == record.Tokens[n] {
			n++
		}
		if n >= common {
			common, diverges = n, n < len(record.Tokens)
		}
	}
	return common, diverges
}

func (s *states) record(key blob.Key) (record *keyspace.Chunk, err error) {
	name := keyspace.ChunkKey(key)
	err = s.engine.store.View(name, func(value []byte) (err error) {
		record, err = keyspace.DecodeChunk(name, value)
		return err
	})
	return record, err
}

// releaseLocked ends a lease.
func (s *states) releaseLocked(id uint64) {
	s.mu.leases[id].letGo()
	delete(s.mu.leases, id)
}

// letGo lets the chunks of a lease be evicted. The caller holds mu.
func (l *lease) letGo() {
	for _, c := range l.chunks {
		c.leases--
	}
	l.chunks = nil
}

// expireLeasesLocked ends the leases that nobody settled.
func (s *states) expireLeasesLocked(now int64) {
	for id, l := range s.mu.leases {
		if l.expires < now {
			s.releaseLocked(id)
		}
	}
}

// take returns a lease, which stays until it is released.
func (s *states) take(id uint64) (*lease, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.mu.leases[id]
	if l == nil || l.expires == settling {
		return nil, errNoLease
	}
	l.expires = settling
	return l, nil
}

const settling = 1<<63 - 1

var errNoLease = &base.Error{Sentinel: errors.Join(base.ErrInvalid, ErrNotFound), Message: "the lease of saved state has ended"}

// grouped writes a number with a comma after each three digits.
func grouped(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", grouped(n/1000), n%1000)
}
