package store

import (
	"github.com/kvasir-cache/kvasir/internal/keyspace"
	"github.com/kvasir-cache/kvasir/internal/seal"
)

// unlock takes the keys of a store that is there, or refuses it.
func (s *Store) unlock(meta *keyspace.Meta, o *Options) error {
	sealed := meta.Seal.Scheme != keyspace.SealNone
	switch {
	case o.goal != keyspace.SealSettled:
		return s.unlockMoving(meta, o)
	case meta.Seal.Goal != keyspace.SealSettled:
		return unfinished(s.dir, meta.Seal.Goal)
	case !sealed && o.Key == nil:
		return nil
	case !sealed:
		return dress(ErrPlain, nil, "kvasir seal seals it; without cache.key_file and cache.key_env it is used as it is",
			"store %q is not sealed, and there is a key", s.dir)
	case o.Key == nil:
		return dress(ErrSealed, nil, "say where its key is by cache.key_file or cache.key_env; with the key, kvasir unseal makes it plain",
			"store %q is sealed, and there is no key", s.dir)
	}
	return s.takeRing(meta, o)
}

// takeRing reads the keyring.
func (s *Store) takeRing(meta *keyspace.Meta, o *Options) error {
	if o.Key == nil {
		return dress(ErrSealed, nil, "say where its key is by cache.key_file or cache.key_env", "store %q is sealed, and there is no key", s.dir)
	}
	ring, err := s.ringFile().read(o.Key)
	if err == nil {
		err = checkRing(s.dir, ring, meta)
	}
	if err != nil {
		return err
	}
	s.seals.ring = ring
	if !o.ReadOnly && o.goal == keyspace.SealSettled {
		if err := s.tidyRing(o); err != nil {
			return err
		}
	}
	s.seals.box = ring.Box()
	return nil
}

// tidyRing drops a data key that no record has any more, which a crash left.
func (s *Store) tidyRing(o *Options) error {
	if s.seals.ring.Keys() == 1 {
		return nil
	}
	lock, err := s.ringFile().lock()
	if err != nil {
		return nil // somebody writes it now; the next time will do
	}
	defer lock.Close()
	if s.seals.ring, err = s.ringFile().read(o.Key); err != nil {
		return err
	}
	s.seals.ring.DropKeys()
	return s.ringFile().write(s.seals.ring, o.Key, o.Random)
}

// sealNew makes the keyring of a new store.
func (s *Store) sealNew(meta *keyspace.Meta, o *Options) error {
	if o.Key == nil || o.Memory {
		return nil
	}
	ring, err := seal.NewKeyring(meta.Store, o.Random)
	if err == nil {
		err = s.ringFile().write(ring, o.Key, o.Random)
	}
	if err != nil {
		return err
	}
	s.seals.ring, s.seals.box = ring, ring.Box()
	meta.Seal = keyspace.Seal{Scheme: keyspace.SealXChaCha, Generation: ring.Generation}
	return nil
}

func (s *Store) ringFile() ringFile { return ringFile{s.shield.FS, s.dir} }

// unfinished says which command goes on.
func unfinished(dir string, goal keyspace.SealGoal) error {
	state, command := "sealed in part", "kvasir seal"
	switch goal {
	case keyspace.SealOff:
		state, command = "unsealed in part", "kvasir unseal"
	case keyspace.SealRenew:
		state, command = "sealed by two keys", "kvasir rekey --data"
	}
	return dress(ErrMoving, nil, command+" goes on where it stopped; nothing is lost", "store %q is %s", dir, state)
}
