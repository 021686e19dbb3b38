package engine

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/blob"
	"github.com/kvasir-cache/kvasir/internal/fingerprint"
	"github.com/kvasir-cache/kvasir/internal/keyspace"
)

// StateChunk is a chunk of saved state as packs want to know it.
type StateChunk struct {
	Key, Parent blob.Key
	Tenant      string // of the first chunk of a prompt; those after it have that of their parents
	Rooted      bool   // it is the first chunk of a prompt of that tenant
	State       StateID
	From        int
	Tokens      []base.Token
	Origin      base.Origin
	Cost        int64 // nanoseconds
}

// StatePlace says where chunk files of a tenant and a state lie, how they are authenticated, and what their keys
// begin with.
type StatePlace struct {
	Dir    string
	Secret [32]byte
	Sealed bool // they are encrypted
	Seed   blob.Key
}

// StateChunks returns chunks from a key on, in the order of their keys, and where the rest begins, empty if there
// is none. Damaged records are left out.
func (e *Engine) StateChunks(ctx context.Context, from []byte) (list []StateChunk, next []byte, err error) {
	if err := e.states.wait(ctx); err != nil {
		return nil, nil, err
	}
	rows, next, err := e.store.Page(keyspace.ChunkPrefix(), from, 0)
	if err != nil {
		return nil, nil, err
	}
	for _, row := range rows {
		key, err := keyspace.ParseChunkKey(row.Key)
		if err != nil {
			continue
		}
		r, err := keyspace.DecodeChunk(row.Key, row.Value)
		if err != nil {
			continue
		}
		c := StateChunk{Key: key, Parent: r.Parent, State: StateID(r.State), From: int(r.From), Tokens: r.Tokens, Origin: originOf[r.Origin], Cost: int64(r.Cost)}
		if c.From == 0 {
			c.Tenant, c.Rooted = e.tenantOfSeed(r.Parent, c.State)
		}
		list = append(list, c)
	}
	return list, next, nil
}

// tenantOfSeed finds the tenant whose prompts begin with a seed.
func (e *Engine) tenantOfSeed(seed blob.Key, state StateID) (string, bool) {
	for _, tenant := range e.salts.Tenants() {
		if salt, err := e.salts.Salt(tenant); err == nil && blob.Key(fingerprint.StateSeed(salt, state)) == seed {
			return tenant, true
		}
	}
	return "", false
}

// StatePlace returns where the chunks of a tenant and a state are.
func (e *Engine) StatePlace(ctx context.Context, tenant string, state StateID) (*StatePlace, error) {
	s := e.states
	if err := s.wait(ctx); err != nil {
		return nil, err
	}
	if s.dir == "" {
		return nil, &base.Error{Sentinel: ErrNotFound, Message: "the store keeps no saved state", Hint: "[kv] enabled in cache.toml says that it does"}
	}
	salt, err := e.salts.Salt(tenant)
	if err != nil {
		return nil, err
	}
	seed := blob.Key(fingerprint.StateSeed(salt, state))
	secret, err := s.secretOf(seed)
	if err != nil {
		return nil, err
	}
	return &StatePlace{Dir: s.dir, Secret: *secret, Sealed: e.store.Sealed() != nil, Seed: seed}, nil
}

// Admit takes chunk files that lie under temporary names where StatePlace says, parents before children, and keeps
// those that are not there yet, as far as they fit. Each is read and authenticated. The temporary files are gone
// when it returns, and what it counts is safe.
func (e *Engine) Admit(ctx context.Context, tenant string, state StateID, chunks []base.SavedChunk) (admitted int, err error) {
	s := e.states
	var temps []string
	for _, c := range chunks {
		temps = append(temps, c.Temp)
	}
	defer blob.Discard(s.dir, temps)
	place, err := e.StatePlace(ctx, tenant, state)
	if err != nil {
		return 0, err
	}
	var kept []base.SavedChunk
	ends := map[blob.Key]int{place.Seed: 0}
	for i := range chunks {
		c := &chunks[i]
		known, follows := s.follows(c, ends)
		if !follows {
			continue // the one before it was not kept
		}
		if err := s.authentic(place, state, c); err != nil {
			return 0, &base.Error{Sentinel: base.ErrInvalid, Message: fmt.Sprintf("chunk %x: %v", c.Key[:4], err)}
		}
		if ends[c.Key] = c.From + len(c.Tokens); !known {
			kept = append(kept, *c)
		}
	}
	if s.closing() {
		return 0, ErrClosed
	}
	l := &lease{query: &StateQuery{Tenant: tenant, State: state}, seed: place.Seed}
	return s.commit(l, kept), nil
}

// follows reports whether there is a chunk as good as one, and whether the one before it is there.
func (s *states) follows(c *base.SavedChunk, ends map[blob.Key]int) (known, follows bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.mu.chunks.byKey[c.Parent]; p != nil {
		ends[c.Parent] = p.from + p.tokens
	}
	old := s.mu.chunks.byKey[c.Key]
	end, there := ends[c.Parent]
	return old != nil && (old.origin == c.Origin || old.origin == base.OriginPrefill), there && end == c.From && sound(c)
}

// authentic reads the file of a chunk.
func (s *states) authentic(place *StatePlace, state StateID, c *base.SavedChunk) error {
	if filepath.Dir(c.Temp) != s.dir || !blob.IsTemp(filepath.Base(c.Temp)) {
		return fmt.Errorf("its file %q is none on its way", c.Temp)
	}
	want := blob.Header{ID: state, Key: c.Key, From: c.From, Tokens: len(c.Tokens), Origin: c.Origin, Sealed: place.Sealed}
	payload, _, err := blob.Read(c.Temp, &place.Secret, &want, nil)
	if err == nil && int64(len(payload)+blob.HeaderSize) != c.Bytes {
		err = fmt.Errorf("its file has %d bytes, not %d", len(payload)+blob.HeaderSize, c.Bytes)
	}
	return err
}
