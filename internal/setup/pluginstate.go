package setup

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/kvasir-cache/kvasir/internal/wasmhost"
)

// states keep what plugins put by with kv_put, as long as the process runs; a plugin that is loaded anew
// finds what it left.
type states struct {
	mu     sync.Mutex
	byName map[string]*state
}

func (s *states) of(name string) *state {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byName == nil {
		s.byName = map[string]*state{}
	}
	if s.byName[name] == nil {
		s.byName[name] = &state{values: map[string][]byte{}}
	}
	return s.byName[name]
}

// maxState bounds what one plugin keeps, keys and values together, in bytes.
const maxState = 1 << 20

// state is what one plugin keeps.
type state struct {
	mu     sync.Mutex
	values map[string][]byte
	bytes  int
}

var _ wasmhost.KV = (*state)(nil)

func (s *state) Get(_ context.Context, key string) ([]byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.values[key]
	return v, ok
}

func (s *state) Put(_ context.Context, key string, value []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	left := s.bytes
	if old, ok := s.values[key]; ok {
		left -= len(key) + len(old)
	}
	if len(value) == 0 {
		delete(s.values, key)
		s.bytes = left
		return nil
	}
	if left+len(key)+len(value) > maxState {
		return errors.New("a plugin keeps at most 1 MiB")
	}
	s.values[key] = slices.Clone(value)
	s.bytes = left + len(key) + len(value)
	return nil
}
