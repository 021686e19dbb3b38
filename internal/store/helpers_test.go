package store

import (
	"errors"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
)

func mustOpen(t testing.TB, o Options) *Store {
	t.Helper()
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantValue(t testing.TB, s *Store, key, want string) {
	t.Helper()
	if got, err := s.Get([]byte(key)); err != nil || string(got) != want {
		t.Errorf("%q: got %q, %v, want %q", key, got, err, want)
	}
}

func wantNone(t testing.TB, s *Store, key string) {
	t.Helper()
	if got, err := s.Get([]byte(key)); !errors.Is(err, ErrNotFound) {
		t.Errorf("%q: got %q, %v, want ErrNotFound", key, got, err)
	}
}

func contains(s, part string) bool { return strings.Contains(s, part) }

// small makes tables and logs so small that a test with little data sees flushes and compactions.
func small(p *pebble.Options) {
	p.MemTableSize = 16 << 10
	p.CacheSize = 1 << 20
	p.L0CompactionThreshold = 2
	p.LBaseMaxBytes = 64 << 10
	for i := range p.TargetFileSizes {
		p.TargetFileSizes[i] = 16 << 10
	}
}
