package store

import (
	"context"
	"io"

	"github.com/kvasir-cache/kvasir/internal/keyspace"
	"github.com/kvasir-cache/kvasir/internal/seal"
)

// Mover is a store on its way to be sealed, to be plain, or to be sealed by a new data key. Its records are read whatever
// they are, and written as they are to be. Nobody else opens the store until Settle.
//
// It may be killed at any moment: every record is the old or the new one, the Meta record says where the
// store is on its way to, and the keyring holds all keys. The next OpenMover goes on.
type Mover struct {
	*Store
	key    *seal.Key
	random io.Reader
}

// OpenMover opens a store to bring it to a goal: one that is settled, or one that is on its way to just that. o.Key is the
// key that it has, or is to have.
func OpenMover(o Options, goal keyspace.SealGoal) (*Mover, error) {
	o.MustExist, o.goal = true, goal
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	s, err := Open(o)
	if err != nil {
		return nil, err
	}
	return &Mover{Store: s, key: o.Key, random: o.Random}, nil
}

// unlockMoving begins to move a store, or goes on.
func (s *Store) unlockMoving(meta *keyspace.Meta, o *Options) (err error) {
	if err := s.checkGoal(meta, o); err != nil {
		return err
	}
	if s.seals.lock, err = s.ringFile().lock(); err != nil {
		return err
	}
	s.seals.goal = o.goal
	return s.beginMoving(meta, o)
}

// checkGoal refuses what is done, or cannot be done now.
func (s *Store) checkGoal(meta *keyspace.Meta, o *Options) error {
	sealed, goal := meta.Seal.Scheme != keyspace.SealNone, meta.Seal.Goal
	switch {
	case goal != keyspace.SealSettled && goal != o.goal:
		return unfinished(s.dir, goal)
	case o.goal == keyspace.SealOn && o.Key == nil:
		return dress(ErrSealed, nil, "say where the key is by cache.key_file or cache.key_env", "there is no key to seal store %q with", s.dir)
	case goal == keyspace.SealSettled && o.goal == keyspace.SealOn && sealed:
		return dress(ErrSealed, nil, "kvasir rekey gives it another key", "store %q is sealed already", s.dir)
	case o.goal != keyspace.SealOn && !sealed:
		return dress(ErrPlain, nil, "kvasir seal seals it", "store %q is not sealed", s.dir)
	}
	return nil
}

func (s *Store) beginMoving(meta *keyspace.Meta, o *Options) error {
	started := meta.Seal.Goal != keyspace.SealSettled
	if o.goal == keyspace.SealOn && !started {
		if err := s.sealNew(meta, o); err != nil {
			return err
		}
	} else if err := s.takeRing(meta, o); err != nil {
		return err
	}
	if !started {
		meta.Seal.Goal = o.goal
		if err := s.writeMeta(meta); err != nil {
			return err
		}
	}
	if o.goal != keyspace.SealRenew || s.seals.ring.Keys() > 1 {
		return nil
	}
	if err := s.seals.ring.AddKey(o.Random); err != nil {
		return err
	}
	if err := s.ringFile().write(s.seals.ring, o.Key, o.Random); err != nil {
		return err
	}
	s.seals.box = s.seals.ring.Box()
	return nil
}

// writeMeta writes the Meta record, and returns when it is safe.
func (s *Store) writeMeta(meta *keyspace.Meta) error {
	if err := s.write([]Mutation{Set(metaKey, keyspace.EncodeMeta(metaKey, meta))}); err != nil {
		return err
	}
	return s.sync()
}

// Rewrite brings every record to the goal, page by page, each of them safe before the next, and returns how many were not
// there yet. account says whose a record is that was not sealed, and progress is told of every page.
func (m *Mover) Rewrite(ctx context.Context, account func(Row) uint32, progress func(records int)) (changed int, err error) {
	var from []byte
	for {
		if err := ctx.Err(); err != nil {
			return changed, err
		}
		rows, next, err := m.page(nil, from, 0)
		if err != nil {
			return changed, err
		}
		page, err := m.move(rows, account)
		if err != nil {
			return changed, err
		}
		if changed += len(page); len(page) > 0 {
			if err := m.Apply(page...).Wait(ctx); err != nil {
				return changed, err
			}
		}
		progress(len(rows))
		if from = next; from == nil {
			return changed, nil
		}
	}
}

// move returns what brings the rows of a page to the goal.
func (m *Mover) move(rows []Row, account func(Row) uint32) (page []Mutation, err error) {
	for _, raw := range rows {
		if string(raw.Key) == string(metaKey) || m.there(raw.Value) {
			continue
		}
		row := raw
		if row.Value, err = m.seals.open(nil, raw.Key, raw.Value); err != nil {
			m.log.Warn("a damaged record is removed", "error", err)
			page = append(page, Delete(raw.Key))
			continue
		}
		change := Set(row.Key, row.Value)
		switch {
		case m.seals.goal == keyspace.SealRenew && seal.IsSealed(raw.Value):
			change = Set(row.Key, m.seals.box.Reseal(nil, raw.Value, row.Key, row.Value))
			change.raw = true
		case m.seals.goal == keyspace.SealOn:
			change = change.For(account(row))
		}
		page = append(page, change)
	}
	return page, nil
}

// there reports whether a value is what the goal wants.
func (m *Mover) there(value []byte) bool {
	if m.seals.goal == keyspace.SealOff {
		return !seal.IsSealed(value)
	}
	return m.seals.box.Current(value)
}

// Purge rewrites the tables, so that none of them holds an older value of a record. What remains is in logs that are
// removed when the store is opened the next time.
func (m *Mover) Purge(ctx context.Context) error {
	if err := m.enter(); err != nil {
		return err
	}
	defer m.leave()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stopped := make(chan struct{})
	go func() { // a store that has failed compacts nothing any more
		defer close(stopped)
		select {
		case <-m.Failed():
			cancel()
		case <-ctx.Done():
		}
	}()
	err := m.db.Flush()
	if err == nil {
		err = m.db.Compact(ctx, []byte{0}, []byte{0xff}, false)
	}
	cancel()
	<-stopped
	if failure := m.Err(); failure != nil {
		return failure
	}
	return problem(m.dir, err)
}

// Settle says that the store is what it was to be. The caller has seen to it that Rewrite found nothing to do.
func (m *Mover) Settle() error {
	meta := m.Meta()
	meta.Seal = keyspace.Seal{Scheme: keyspace.SealXChaCha, Generation: m.seals.ring.Generation}
	if m.seals.goal == keyspace.SealOff {
		meta.Seal = keyspace.Seal{}
	}
	if err := m.writeMeta(&meta); err != nil {
		return err
	}
	m.ids.mu.Lock()
	m.ids.mu.meta = meta
	m.ids.mu.Unlock()
	switch {
	case m.seals.goal == keyspace.SealOff:
		return m.ringFile().remove()
	case m.seals.ring.Keys() > 1:
		m.seals.ring.DropKeys()
		return m.ringFile().write(m.seals.ring, m.key, m.random)
	}
	return nil
}

// Close closes the store, and gives the keyring free.
func (m *Mover) Close() error {
	err := m.Store.Close()
	m.seals.release()
	return err
}
