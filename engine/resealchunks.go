package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/kvasir-cache/kvasir/internal/blob"
	"github.com/kvasir-cache/kvasir/internal/fingerprint"
	"github.com/kvasir-cache/kvasir/internal/keyspace"
)

// oldChunk is what a pass knows of a file of saved state.
type oldChunk struct {
	parent, state [32]byte
	from, tokens  int
}

// readChunks reads which files of saved state there should be, and whose seeds they may have.
func (p *resealing) readChunks(salts *fingerprint.Salts) error {
	p.chunks, p.seeds = map[[32]byte]*oldChunk{}, map[[32]byte]uint32{}
	states := map[[32]byte]bool{}
	for row, err := range p.store.Walk(keyspace.ChunkPrefix()) {
		if err != nil {
			return err
		}
		key, err := keyspace.ParseChunkKey(row.Key)
		if err != nil {
			continue
		}
		if r, err := keyspace.DecodeChunk(row.Key, row.Value); err == nil { // a damaged one has no file that can be used
			p.chunks[key] = &oldChunk{r.Parent, r.State, int(r.From), len(r.Tokens)}
			states[r.State] = true
		}
	}
	for _, tenant := range salts.Tenants() {
		salt, err := salts.Salt(tenant)
		if err != nil {
			return err
		}
		for state := range states {
			p.seeds[fingerprint.StateSeed(salt, fingerprint.ID(state))] = accountName(tenant)
		}
	}
	return nil
}

// seedOf follows a chunk to the seed of its prompts.
func (p *resealing) seedOf(key [32]byte) [32]byte {
	for range len(p.chunks) + 1 { // records may lead in a circle only if somebody made them
		c := p.chunks[key]
		if c == nil {
			return key
		}
		key = c.parent
	}
	return key
}

// commitAtOnce is how many files get their names together.
const commitAtOnce = 32

// moveChunks brings the files of saved state to the goal, and removes what is neither that nor can become it.
func (p *resealing) moveChunks(ctx context.Context) error {
	dir, err := p.options.stateDir()
	if err != nil || dir == "" {
		return err
	}
	if err := blob.Purge(dir); err != nil {
		return err
	}
	files, err := blob.List(dir)
	if err != nil {
		return err
	}
	var ready []blob.File
	for key := range files {
		if err := ctx.Err(); err != nil {
			return err
		}
		temp, err := p.moveChunk(dir, key)
		if err != nil {
			return err
		}
		if temp != "" {
			ready = append(ready, blob.File{Temp: temp, Key: key})
		}
		if len(ready) == commitAtOnce {
			if err := p.commitChunks(dir, ready); err != nil {
				return err
			}
			ready = ready[:0]
		}
	}
	if err := p.commitChunks(dir, ready); err != nil {
		return err
	}
	if p.goal == GoalPlain {
		return nil
	}
	return blob.RemoveSecret(p.options.Dir)
}

func (p *resealing) commitChunks(dir string, ready []blob.File) error {
	n, err := blob.Commit(dir, ready)
	p.done.Chunks += n
	p.progress("files of saved state", n)
	return err
}

// way is how a file is kept.
type way struct {
	secret [32]byte
	sealed bool
}

// moveChunk writes what a file is to be, unless it is that. What cannot be used, by whatever key, goes.
func (p *resealing) moveChunk(dir string, key blob.Key) (temp string, err error) {
	c, seed := p.chunks[key], p.seedOf(key)
	if _, known := p.seeds[seed]; c == nil || !known {
		return "", p.dropChunk(dir, key)
	}
	want := blob.Header{ID: c.state, Key: key, From: c.from, Tokens: c.tokens}
	ways, err := p.ways(seed, blob.IsSealed(blob.Path(dir, key)))
	if err != nil {
		return "", err
	}
	for i, w := range ways {
		want.Sealed = w.sealed
		payload, got, err := blob.Read(blob.Path(dir, key), &w.secret, &want, nil)
		if errors.Is(err, blob.ErrDamaged) {
			continue
		}
		if err != nil || i == 0 {
			return "", err
		}
		got.Sealed = ways[0].sealed
		temp, _, err = blob.Write(dir, &ways[0].secret, &got, payload)
		return temp, err
	}
	return "", p.dropChunk(dir, key)
}

// ways returns how a file with this seed is to be kept, and then how it may have been.
func (p *resealing) ways(seed [32]byte, sealed bool) (ways []way, err error) {
	for _, secret := range p.box.ChunkSecrets(seed) {
		ways = append(ways, way{secret, true})
	}
	if p.goal == GoalRenewed || p.goal == GoalSealed && sealed {
		return ways, nil
	}
	secret, err := p.plainSecret()
	plain := way{secret, false}
	if p.goal == GoalPlain {
		return append([]way{plain}, ways...), err
	}
	return append(ways, plain), err
}

// plainSecret returns the secret of files that are not sealed.
func (p *resealing) plainSecret() ([32]byte, error) {
	if p.secret == nil {
		p.secret = sync.OnceValues(func() ([32]byte, error) { return blob.OpenSecret(p.options.Dir, p.options.Random) })
	}
	return p.secret()
}

// dropChunk removes a file that cannot be used; its state is computed again. Its record stays, so that what follows it
// still leads to its seed, until the engine finds that there is no file.
func (p *resealing) dropChunk(dir string, key blob.Key) error {
	p.done.Lost++
	p.options.Logger.Warn("a file of saved state that cannot be used is removed", "chunk", fmt.Sprintf("%x", key[:4]))
	return blob.Remove(dir, key)
}
