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
	size := 0
	for ok := it.First(); ok; ok = it.Next() {
		if len(rows) == limit || size >= pageBytes {
			return rows, bytes.Clone(it.Key())
		}
		row := Row{Key: bytes.Clone(it.Key()), Value: bytes.Clone(it.Value())}
		size += len(row.Key) + len(row.Value)
		rows = append(rows, row)
	}
	return rows, nil
}

// Walk yields every row whose key begins with prefix, in the order of the keys, and last an error if
// there is one. It reads page by page and holds nothing open in between, so the loop may take its time
// and change the store; a row that appears or goes meanwhile may or may not be seen.
func (s *Store) Walk(prefix []byte) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		var from []byte
		for {
			rows, next, err := s.Page(prefix, from, 0)
			if err != nil {
				yield(Row{}, err)
				return
			}
			for _, row := range rows {
				if !yield(row, nil) {
					return
				}
			}
			if next == nil {
				return
			}
			from = next
		}
	}
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
