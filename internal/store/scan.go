package store

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"math/big"

	"github.com/cockroachdb/pebble/v2"
)

// Damage is a stretch of the store that cannot be read.
type Damage struct {
	From, To []byte // keys, the second one outside; nil means the end
	Err      error  // wraps ErrCorrupt
}

// Error says which keys are lost, and why.
func (d *Damage) Error() string {
	return fmt.Sprintf("records from %x to %x cannot be read: %v", shortKey(d.From), shortKey(d.To), d.Err)
}

// Unwrap returns the cause.
func (d *Damage) Unwrap() error { return d.Err }

func shortKey(key []byte) []byte { return key[:min(len(key), 12)] }

// Scan yields every row whose key begins with prefix, in the order of the keys, and goes on behind what cannot be
// read, which it yields as *Damage. Any other error is the last. It works page by page as Walk does.
func (s *Store) Scan(prefix []byte) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		for from := append([]byte{}, prefix...); from != nil; {
			rows, next, err := s.scanPage(prefix, from)
			for _, row := range rows {
				if !yield(row, nil) {
					return
				}
			}
			if err == nil {
				from = next
				continue
			}
			if !errors.Is(err, ErrCorrupt) {
				yield(Row{}, err)
				return
			}
			bad := from
			if len(rows) > 0 {
				bad = append(bytes.Clone(rows[len(rows)-1].Key), 0)
			}
			damage := &Damage{From: bad, To: s.readableFrom(prefix, bad), Err: err}
			if !yield(Row{}, damage) {
				return
			}
			from = damage.To
		}
	}
}

// scanPage is Page, and returns the rows before an error too.
func (s *Store) scanPage(prefix, from []byte) (rows []Row, next []byte, err error) {
	if err := s.enter(); err != nil {
		return nil, nil, err
	}
	defer s.leave()
	if len(from) == 0 {
		from = nil // to Pebble, a bound has bytes
	}
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: successor(prefix)})
	if err != nil {
		return nil, nil, problem(s.dir, err)
	}
	rows, next = collect(it, pageRows)
	s.seals.openRows(rows)
	return rows, next, problem(s.dir, errors.Join(it.Error(), it.Close()))
}

// keyWidth is more than any key of the store has, in bytes. Shorter keys are numbers of that width with zeros
// behind them.
const keyWidth = 128

// readableFrom returns the first key behind bad from which the store can be read, as near as it can be found, and
// nil if there is none. It tries keys farther and farther away, and then halves the last step.
func (s *Store) readableFrom(prefix, bad []byte) []byte {
	end := successor(prefix)
	low, step := number(bad), big.NewInt(1)
	for {
		high := new(big.Int).Add(low, step)
		key := high.FillBytes(make([]byte, keyWidth+1))[1:]
		if high.BitLen() > 8*keyWidth || end != nil && bytes.Compare(key, end) >= 0 {
			return s.lastReadable(low, end)
		}
		if s.readable(key, end) {
			return s.halve(low, high, end)
		}
		low, step = high, step.Lsh(step, 1)
	}
}

// lastReadable looks between a key that cannot be read and the end.
func (s *Store) lastReadable(low *big.Int, end []byte) []byte {
	if end == nil {
		return nil
	}
	key := s.halve(low, number(end), end)
	if bytes.Compare(key, end) >= 0 {
		return nil
	}
	return key
}

// halve returns the smallest key above low that can be read; high can be.
func (s *Store) halve(low, high *big.Int, end []byte) []byte {
	one := big.NewInt(1)
	for new(big.Int).Sub(high, low).Cmp(one) > 0 {
		middle := new(big.Int).Add(low, high)
		middle.Rsh(middle, 1)
		if s.readable(middle.FillBytes(make([]byte, keyWidth)), end) {
			high = middle
		} else {
			low = middle
		}
	}
	return high.FillBytes(make([]byte, keyWidth))
}

func number(key []byte) *big.Int {
	padded := make([]byte, keyWidth)
	copy(padded, key)
	return new(big.Int).SetBytes(padded)
}

// readable reports whether the first record from a key on can be read, or there is none.
func (s *Store) readable(from, end []byte) bool {
	if s.enter() != nil {
		return true // the next page says that the store is closed
	}
	defer s.leave()
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: end})
	if err != nil {
		return false
	}
	it.First()
	return errors.Join(it.Error(), it.Close()) == nil
}
