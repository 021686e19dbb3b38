package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/blob"
	"github.com/kvasir-cache/kvasir/internal/keyspace"
	"github.com/kvasir-cache/kvasir/internal/store"
)

// states keeps saved model state: which chunks there are, who restores them, and which go. The store holds a
// record of each chunk and a folder its file; a file is there before its record and goes after it.
//
// Locks are taken in this order: writing, Engine.changing, mu.
type states struct {
	engine  *Engine
	options StateOptions
	dir     string // absolute; empty if no state is kept
	ready   chan struct{}
	loadErr error // set before ready is closed
	running sync.WaitGroup

	// writing is held while chunk files come or go.
	writing sync.Mutex

	mu struct { // held for moments only
		sync.Mutex
		secret *[32]byte // nil until it is needed
		chunks chunks
		leases map[uint64]*lease
		last   uint64 // number of the latest lease
		seen   seen
		used   []*chunk // since uses were stored
	}
}

func newStates(e *Engine) (*states, error) {
	s := &states{engine: e, options: e.options.State, ready: make(chan struct{})}
	s.mu.chunks, s.mu.leases = newChunks(), map[uint64]*lease{}
	dir, err := e.options.stateDir()
	if err != nil {
		return nil, fmt.Errorf("folder of saved state: %w", err)
	}
	s.dir = dir
	return s, nil
}

// start reads what there is, sweeps, and stores uses now and then, until the engine closes.
func (s *states) start() {
	if s.dir == "" {
		close(s.ready)
		return
	}
	s.running.Go(func() {
		s.loadErr = s.load()
		close(s.ready)
		if s.loadErr != nil {
			s.engine.failed("read what state is saved", s.loadErr)
			return
		}
		s.sweep()
		s.keep()
	})
}

// close waits for the work of start. Leases still out come to nothing.
func (s *states) close() {
	s.running.Wait()
	if s.dir != "" && s.loadErr == nil {
		s.store()
	}
}

// wait waits until it is known what there is.
func (s *states) wait(ctx context.Context) error {
	select {
	case <-s.ready:
		return s.loadErr
	case <-ctx.Done():
		return ctx.Err()
	}
}

// useLocked counts a use of a chunk.
func (s *states) useLocked(c *chunk, now int64) {
	c.use(now)
	s.mu.chunks.ranked(c)
	if !c.used {
		c.used = true
		s.mu.used = append(s.mu.used, c)
	}
}

// closing reports whether the engine closes.
func (s *states) closing() bool {
	select {
	case <-s.engine.closing:
		return true
	default:
		return false
	}
}

// load reads the records. Temporary files there are now belong to nobody: hosts write them only for leases.
func (s *states) load() error {
	temps, err := blob.Temps(s.dir)
	if err != nil {
		s.engine.totals.add(stateFailures, 1)
		s.engine.failed("look for leftovers of saved state", err)
	}
	if len(temps) > 0 {
		blob.Discard(s.dir, temps)
		s.engine.totals.add(stateTemps, int64(len(temps)))
	}
	now := s.engine.options.Now().UnixNano()
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(s.loadChunksLocked(), s.loadUsesLocked(), s.loadSeenLocked(now))
}

func (s *states) loadChunksLocked() error {
	for row, err := range s.engine.store.Walk(keyspace.ChunkPrefix()) {
		if err != nil {
			return err
		}
		key, err := keyspace.ParseChunkKey(row.Key)
		var record *keyspace.Chunk
		if err == nil {
			record, err = keyspace.DecodeChunk(row.Key, row.Value)
		}
		if err != nil {
			s.engine.failed("read what state is saved", err) // its file has no record then, and is swept
			continue
		}
		s.mu.chunks.add(chunkOf(key, record))
	}
	return nil
}

func chunkOf(key blob.Key, r *keyspace.Chunk) *chunk {
	return &chunk{
		key: key, parent: r.Parent, from: int(r.From), tokens: len(r.Tokens), origin: originOf[r.Origin], bytes: int64(r.Bytes),
		cost: r.Cost, uses: keyspace.ChunkUses{Weight: 1, Last: r.Created},
	}
}

var (
	originOf    = map[keyspace.ChunkOrigin]base.Origin{keyspace.ChunkPrefill: base.OriginPrefill, keyspace.ChunkDecode: base.OriginDecode}
	storedAsKey = map[base.Origin]keyspace.ChunkOrigin{base.OriginPrefill: keyspace.ChunkPrefill, base.OriginDecode: keyspace.ChunkDecode}
)

func (s *states) loadUsesLocked() error {
	for row, err := range s.engine.store.Walk(keyspace.ChunkUsesPrefix()) {
		if err != nil {
			return err
		}
		key, err := keyspace.ParseChunkUsesKey(row.Key)
		if c := s.mu.chunks.byKey[key]; err == nil && c != nil {
			if uses, err := keyspace.DecodeChunkUses(row.Key, row.Value); err == nil { // else they count from nothing
				c.uses = uses
				s.mu.chunks.ranked(c)
			}
		}
	}
	return nil
}

// keep stores uses and makes room until the engine closes.
func (s *states) keep() {
	tick := time.NewTicker(countInterval)
	defer tick.Stop()
	for {
		s.makeRoom(0)
		select {
		case <-tick.C:
			s.store()
		case <-s.engine.closing:
			return
		}
	}
}

// store puts the uses and the seen chunks that changed into the store.
func (s *states) store() {
	s.engine.changing.Lock()
	defer s.engine.changing.Unlock()
	var c change
	s.mu.Lock()
	for _, chunk := range s.mu.used {
		chunk.used = false
		if s.mu.chunks.byKey[chunk.key] == chunk {
			name := keyspace.ChunkUsesKey(chunk.key)
			c.set(name, keyspace.EncodeChunkUses(name, chunk.uses))
		}
	}
	s.mu.used = nil
	s.mu.seen.stage(&c)
	s.mu.Unlock()
	if len(c.mutations) == 0 {
		return
	}
	if _, err := s.engine.applyLocked(&c); err != nil {
		s.engine.failed("store uses of saved state", err)
	}
}

// secretOf returns the secret of chunk files of prompts with this seed. In a store that is sealed it is made of the
// store's keys, and opens the files of no other tenant; else there is one for all.
func (s *states) secretOf(seed [32]byte) (*[32]byte, error) {
	if box := s.engine.store.Sealed(); box != nil {
		return &box.ChunkSecrets(seed)[0], nil
	}
	return s.secretKey()
}

// secretKey returns the secret that authenticates chunk files, made when it is first needed.
func (s *states) secretKey() (*[32]byte, error) {
	if secret := s.secret(); secret != nil {
		return secret, nil
	}
	s.writing.Lock() // so that one of many makes it
	defer s.writing.Unlock()
	if secret := s.secret(); secret != nil {
		return secret, nil
	}
	made, err := s.openSecret()
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.secret = &made
	return &made, nil
}

func (s *states) secret() *[32]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.secret
}

// openSecret keeps the secret beside the store, or in memory with it.
func (s *states) openSecret() (secret [32]byte, err error) {
	o := &s.engine.options
	if o.Dir == "" || o.disk != nil {
		_, err = io.ReadFull(o.Random, secret[:])
		return secret, err
	}
	return blob.OpenSecret(o.Dir, o.Random)
}

// deleteChunk adds the end of a chunk's records to a change.
func (c *change) deleteChunk(key blob.Key) {
	c.mutations = append(c.mutations, store.Delete(keyspace.ChunkKey(key)), store.Delete(keyspace.ChunkUsesKey(key)))
}
