package store

import (
	"bytes"
	"errors"
	"iter"

	"github.com/cockroachdb/pebble/v2"
)

const (
	pageRows  = 256     // of a page, when nobody says how many
	pageBytes = 1 << 20 // of a page, whatever anybody says; one row may be larger
)

// Row is a key and its value. Both belong to whoever got them.
type Row struct {
	Key, Value []byte
}

// Page returns the first rows whose key begins with prefix and is not before from, in the order of
// their keys: at most limit of them (0 means 256), and about 1 MiB. More are there if next is not nil,
// and begin at it. An empty from means the beginning.
func (s *Store) Page(prefix, from []byte, limit int) (rows []Row, next []byte, err error) {
	rows, next, err = s.page(prefix, from, limit)
	s.seals.openRows(rows)
	return rows, next, err
}

// page is Page with values as they are on disk.
func (s *Store) page(prefix, from []byte, limit int) (rows []Row, next []byte, err error) {
	if err := s.enter(); err != nil {
		return nil, nil, err
	}
	defer s.leave()
	if limit <= 0 {
		limit = pageRows
	}
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: later(prefix, from), UpperBound: successor(prefix)})
	if err != nil {
		return nil, nil, problem(s.dir, err)
	}
	rows, next = collect(it, limit)
	if err := errors.Join(it.Error(), it.Close()); err != nil {
		return nil, nil, problem(s.dir, err)
	}
	return rows, next, nil
}

func collect(it *pebble.Iterator, limit int) (rows []Row, next []byte) {
	var memory arena
	size := 0
	for ok := it.First(); ok; ok = it.Next() {
		if len(rows) == limit || size >= pageBytes {
			return rows, bytes.Clone(it.Key())
		}
		row := Row{Key: memory.clone(it.Key()), Value: memory.clone(it.Value())}
		size += len(row.Key) + len(row.Value)
		rows = append(rows, row)
	}
	return rows, nil
}

// arena gives out copies that lie side by side, so that small rows do not cost two allocations each.
type arena []byte

const arenaBytes = 16 << 10

func (a *arena) clone(b []byte) []byte {
	if len(b) > cap(*a)-len(*a) {
		*a = make([]byte, 0, max(arenaBytes, len(b)))
	}
	from := len(*a)
	*a = append(*a, b...)
	return (*a)[from:len(*a):len(*a)]
}

// Walk yields every row whose key begins with prefix, in the order of the keys, and last an error if
// there is one. It reads page by page, one page ahead of the loop, and holds nothing open in between, so the loop may
// take its time and change the store; a row that appears or goes meanwhile may or may not be seen.
func (s *Store) Walk(prefix []byte) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		for p := s.walkPage(prefix, nil); ; {
			var ahead chan page
			if p.next != nil {
				ahead = make(chan page, 1)
				go func(from []byte) { ahead <- s.walkPage(prefix, from) }(p.next)
			}
			for _, row := range p.rows {
				if !yield(row, nil) {
					return
				}
			}
			switch {
			case p.err != nil:
				yield(Row{}, p.err)
				return
			case ahead == nil:
				return
			}
			p = <-ahead
		}
	}
}

// page is what Page returns.
type page struct {
	rows []Row
	next []byte
	err  error
}

const walkRows = 2048

func (s *Store) walkPage(prefix, from []byte) (p page) {
	p.rows, p.next, p.err = s.Page(prefix, from, walkRows)
	return p
}

func later(a, b []byte) []byte {
	if bytes.Compare(a, b) > 0 {
		return a
	}
	return b
}

// successor returns the first key after all that begin with prefix, or nil if there is none.
func successor(prefix []byte) []byte {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] != 0xff {
			next := bytes.Clone(prefix[:i+1])
			next[i]++
			return next
		}
	}
	return nil
}
