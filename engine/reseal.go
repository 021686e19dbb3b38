package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/kvasir-cache/kvasir/internal/fingerprint"
	"github.com/kvasir-cache/kvasir/internal/keyspace"
	"github.com/kvasir-cache/kvasir/internal/seal"
	"github.com/kvasir-cache/kvasir/internal/store"
)

// Goal is what Reseal brings a store to.
type Goal = keyspace.SealGoal

// Goals there are.
const (
	GoalSealed  = keyspace.SealOn    // from plain
	GoalPlain   = keyspace.SealOff   // from sealed
	GoalRenewed = keyspace.SealRenew // sealed by a new data key
)

// Resealed says what Reseal did. What was done already by a run that was killed is not counted.
type Resealed struct {
	Records int // of the store
	Chunks  int // files of saved state
	Lost    int // files of saved state that were damaged, or of no record, and are gone
}

// Reseal brings everything in the store in o.Dir to a goal: records, salts and saved state. Nobody else has the store
// meanwhile. It may be killed at any moment: nothing is lost, the store is refused until it is done, and
// Reseal with the same goal goes on. o.Key is the key that the store has, or is to have. progress is told
// of what is done and how much of it.
func Reseal(ctx context.Context, o Options, goal Goal, progress func(what string, n int)) (*Resealed, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	o.State.Off = false // what was saved is there, whether more is or not
	done := &Resealed{}
	for first := true; ; first = false {
		// The logs of a pass go when the next one opens the store, and its old tables when it is closed. The last pass finds
		// nothing to do, and has read everything. It is not the first: a run that was killed may have left old tables.
		changed, err := resealOnce(ctx, &o, goal, first, done, progress)
		if err != nil || !changed {
			return done, err
		}
	}
}

func resealOnce(ctx context.Context, o *Options, goal Goal, first bool, done *Resealed, progress func(string, int)) (changed bool, err error) {
	m, err := store.OpenMover(store.Options{Dir: o.Dir, Key: o.Key, Logger: o.Logger, Now: o.Now, Random: o.Random, Disk: o.disk}, goal)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	p := &resealing{options: o, store: m, box: m.Sealed(), goal: goal, done: done, progress: progress}
	if err := p.files(ctx); err != nil {
		return false, err
	}
	n, err := m.Rewrite(ctx, p.accountOf, func(n int) { progress("records", n) })
	done.Records += n
	if err != nil {
		return false, err
	}
	if err := m.Purge(ctx); err != nil || n > 0 || first {
		return true, err
	}
	return false, m.Settle()
}

// resealing is one pass over a store.
type resealing struct {
	options  *Options
	store    *store.Mover
	box      *seal.Box
	goal     Goal
	done     *Resealed
	progress func(string, int)

	seeds    map[[32]byte]uint32 // the account of each seed of saved state
	accounts map[keyspace.ID]uint32
	chunks   map[[32]byte]*oldChunk
	secret   func() ([32]byte, error) // of files that are not sealed
}

// files brings what lies beside the records to the goal.
func (p *resealing) files(ctx context.Context) error {
	if p.options.disk != nil {
		return nil
	}
	salts, err := fingerprint.OpenSealedSalts(p.options.Dir, p.options.Random, either{p.box, p.goal})
	if err != nil {
		return err
	}
	if err := salts.Rewrite(); err != nil {
		return fmt.Errorf("salts: %w", err)
	}
	if err := p.readChunks(salts); err != nil {
		return err
	}
	return p.moveChunks(ctx)
}

// either reads a file whether it is sealed or not, where the goal lets it be either, and writes it as the goal says.
type either struct {
	box  *seal.Box
	goal Goal
}

func (e either) OpenFile(name string, content []byte) ([]byte, error) {
	if e.goal != GoalRenewed && !seal.IsSealed(content) {
		return content, nil
	}
	return e.box.OpenFile(name, content)
}

func (e either) SealFile(name string, content []byte) []byte {
	if e.goal == GoalPlain {
		return content
	}
	return e.box.SealFile(name, content)
}

// accountOf says whose a record is that was not sealed, as far as one can tell. What has no owner has no text either, or is
// sealed as nobody's.
func (p *resealing) accountOf(row store.Row) uint32 {
	if id, err := keyspace.ParseEntryKey(row.Key); err == nil {
		return p.accountOfEntry(id)
	}
	if _, _, id, err := keyspace.ParseSignatureKey(row.Key); err == nil {
		return p.accountOfEntry(id)
	}
	if key, err := keyspace.ParseChunkKey(row.Key); err == nil && p.chunks[key] != nil {
		return p.seeds[p.seedOf(key)]
	}
	return 0
}

func (p *resealing) accountOfEntry(id keyspace.ID) uint32 {
	account, known := p.accounts[id]
	if !known {
		e := Engine{store: p.store.Store}
		account = e.storedUses(id).Worth.Account
		if p.accounts == nil || len(p.accounts) > 1<<16 { // signatures of an entry do not lie together
			p.accounts = map[keyspace.ID]uint32{}
		}
		p.accounts[id] = account
	}
	return account
}

// Rekey makes to the key of the store whose key is o.Key. It takes a moment, also while another process has the store.
func Rekey(o Options, to *seal.Key) error {
	return store.Rekey(store.Options{Dir: o.Dir, Key: o.Key, Random: o.Random}, to)
}

// Sealed reports whether the store is sealed.
func (e *Engine) Sealed() bool { return e.store.Sealed() != nil }
