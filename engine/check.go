package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/fingerprint"
	"github.com/kvasir-cache/kvasir/internal/keyspace"
	"github.com/kvasir-cache/kvasir/internal/seal"
	"github.com/kvasir-cache/kvasir/internal/store"
)

// CheckOptions say what is checked and how.
type CheckOptions struct {
	Dir    string    // of the store
	Key    *seal.Key // of a store that is sealed
	State  StateOptions
	Repair bool // lose what is broken, and nothing else
	Logger *slog.Logger
	// Progress is told now and then what is being checked, and how many records of it were.
	Progress func(what string, n int)
}

// CheckReport says what a store holds, and what of it is broken.
type CheckReport struct {
	Entries    int `json:"entries"`
	Exact      int `json:"exact"`      // keys of the exact index
	Signatures int `json:"signatures"` // of normal forms
	Chunks     int `json:"chunks"`     // of saved state
	Files      int `json:"files"`      // of chunks
	Marks      int `json:"marks"`      // of wrong answers
	Others     int `json:"others"`     // counts, uses, and what newer programs keep
	Lost       int `json:"lost"`       // entries of tenants whose salt is gone; nobody finds them, and they age out

	Broken   int       `json:"broken"`
	Repaired int       `json:"repaired"`
	Problems []Problem `json:"problems,omitempty"` // the first thousand
	Old      string    `json:"old,omitempty"`      // the folder of the damaged store, where it was rebuilt
}

// Problem is something that is broken.
type Problem struct {
	Kind   string `json:"kind"` // of record or file
	Name   string `json:"name"`
	What   string `json:"what"`
	Remedy string `json:"remedy"` // what repairing does, or did
}

const mostProblems = 1000

// checker checks one store, which nobody else has meanwhile.
type checker struct {
	CheckOptions
	report  *CheckReport
	store   *store.Store
	salts   *fingerprint.Salts
	fixes   []store.Mutation
	torn    bool                 // something cannot be read at all, and a repair makes a new store
	gone    map[keyspace.ID]bool // entries that a repair removes
	failure error                // of the disk; nothing more is concluded after it
	secret  *[32]byte
	dir     string // of chunk files
}

// Check reads all of a store and reports what is broken: records whose bytes are not those that were written,
// and records and files that belong together and do not fit. With Repair it loses what is broken and nothing
// else. It needs the store for itself: ErrLocked says that a process has it. An error is one of checking; what is
// broken is in the report.
func Check(ctx context.Context, o CheckOptions) (*CheckReport, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	c := &checker{CheckOptions: o, report: &CheckReport{}, gone: map[keyspace.ID]bool{}}
	if err := c.check(ctx); err != nil {
		return c.report, err
	}
	if !o.Repair || !c.torn {
		return c.report, nil
	}
	old, err := store.Rebuild(c.storeOptions())
	if err != nil {
		return c.report, err
	}
	c.report.Old = old
	rest := &checker{CheckOptions: o, report: &CheckReport{}, gone: map[keyspace.ID]bool{}}
	err = rest.check(ctx) // what was lost leaves loose ends
	c.report.Repaired += rest.report.Repaired
	c.report.Broken += rest.report.Broken
	c.report.Problems = append(c.report.Problems, rest.report.Problems...)
	c.report.Entries, c.report.Chunks = rest.report.Entries, rest.report.Chunks
	return c.report, err
}

func (c *checker) storeOptions() store.Options {
	return store.Options{Dir: c.Dir, Key: c.Key, MustExist: true, Logger: c.Logger}
}

func (c *checker) check(ctx context.Context) (err error) {
	if c.store, err = store.Open(c.storeOptions()); err != nil {
		return inUse(err)
	}
	defer func() { err = errors.Join(err, c.knows(c.store.Close())) }()
	if c.salts, err = openSalts(Options{Dir: c.Dir}, c.store.Sealed()); err != nil {
		return err
	}
	o := Options{Dir: c.Dir, State: c.State}
	if c.dir, err = o.stateDir(); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{c.checkEntries, c.checkExact, c.checkSignatures, c.checkSmall, c.checkChunks, c.checkFiles, c.checkCounts} {
		if err := step(ctx); err != nil {
			return err
		}
		if err := c.fix(ctx, 0); err != nil {
			return err
		}
	}
	return nil
}

// inUse says what to do where a process has the store.
func inUse(err error) error {
	if !errors.Is(err, ErrLocked) {
		return err
	}
	return &base.Error{Sentinel: err, Message: err.Error(), Hint: "stop the kvasir that has it; a check needs the store for itself"}
}

// found notes a problem. fixes are what a repair changes in the store.
func (c *checker) found(p Problem, fixes ...store.Mutation) {
	c.report.Broken++
	if len(c.report.Problems) < mostProblems {
		c.report.Problems = append(c.report.Problems, p)
	}
	if c.Repair {
		c.fixes = append(c.fixes, fixes...)
		c.report.Repaired++
	}
}

// fix applies repairs when there are more than some, and waits until they are safe.
func (c *checker) fix(ctx context.Context, some int) error {
	if len(c.fixes) <= some {
		return nil
	}
	err := c.store.Apply(c.fixes...).Wait(ctx)
	c.fixes = nil
	return c.knows(err)
}

// knows leaves out that the store cannot write since a table is damaged, which is in the report already: a store
// that is made anew is checked, and mended, once more.
func (c *checker) knows(err error) error {
	if c.torn && errors.Is(err, ErrCorrupt) {
		return nil
	}
	return err
}

// fixesAtOnce is how many repairs are gathered.
const fixesAtOnce = 1000

// each calls f with every record of a kind that can be read.
func (c *checker) each(ctx context.Context, kind string, prefix []byte, f func(row store.Row)) (n int, err error) {
	for row, err := range c.store.Scan(prefix) {
		var damage *store.Damage
		switch {
		case errors.As(err, &damage):
			c.torn = true
			c.found(Problem{kind, fmt.Sprintf("%x…", damage.From[:min(len(damage.From), 12)]), damage.Error(), "the store is made anew without them"})
			continue
		case err != nil:
			return n, err
		case ctx.Err() != nil:
			return n, ctx.Err()
		}
		if f(row); c.failure != nil {
			return n, c.failure
		}
		if n++; n%1000 == 0 && c.Progress != nil {
			c.Progress(kind, n)
		}
		if err := c.fix(ctx, fixesAtOnce); err != nil {
			return n, err
		}
	}
	return n, nil
}

// broken notes a record that does not decode.
func (c *checker) broken(kind string, key []byte, err error) {
	c.found(Problem{kind, fmt.Sprintf("%x", key), err.Error(), "the record is removed"}, store.Delete(key))
}

// loose notes a record that belongs to nothing.
func (c *checker) loose(kind string, key []byte, what string) {
	c.found(Problem{kind, fmt.Sprintf("%x", key), what, "the record is removed"}, store.Delete(key))
}

// entry reads an entry that a repair leaves.
func (c *checker) entry(id keyspace.ID) *keyspace.Entry {
	key := keyspace.EntryKey(id)
	value, err := c.get(key)
	if err != nil || c.gone[id] {
		return nil
	}
	entry, err := keyspace.DecodeEntry(key, value)
	if err != nil {
		return nil
	}
	return entry
}

// get reads a record. A failure that is neither that it is missing nor that it is damaged ends the check: what
// cannot be read now may be sound.
func (c *checker) get(key []byte) ([]byte, error) {
	value, err := c.store.Get(key)
	if err != nil && !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrCorrupt) {
		c.failure = err
	}
	return value, err
}

// checkCounts compares the number of entries with what the store says.
func (c *checker) checkCounts(context.Context) error {
	key := keyspace.TotalKey(entries)
	value, err := c.store.Get(key)
	said := int64(0)
	if err == nil {
		said, err = keyspace.DecodeTotal(key, value)
	}
	count := int64(c.report.Entries)
	if c.torn || errors.Is(err, ErrNotFound) && count == 0 || err == nil && said == count {
		return nil
	}
	c.found(Problem{"count", entries, fmt.Sprintf("it says %d, and there are %d entries", said, count), "the count is set"},
		store.Set(key, keyspace.EncodeTotal(key, count)))
	return nil
}

// checkSmall reads the records that stand alone, and uses, which belong to entries.
func (c *checker) checkSmall(ctx context.Context) error {
	n, err := c.each(ctx, "uses", keyspace.UsesPrefix(), func(row store.Row) {
		id, err := keyspace.ParseUsesKey(row.Key)
		if err == nil {
			_, err = keyspace.DecodeUses(row.Key, row.Value)
		}
		switch {
		case err != nil:
			c.broken("uses", row.Key, err)
		case c.entry(id) == nil:
			c.loose("uses", row.Key, fmt.Sprintf("they are of entry %s, which is not there", id))
		}
	})
	c.report.Others += n
	if err != nil {
		return err
	}
	n, err = c.each(ctx, "count", keyspace.TotalPrefix(), func(row store.Row) {
		if _, err := keyspace.DecodeTotal(row.Key, row.Value); err != nil {
			c.broken("count", row.Key, err)
		}
	})
	c.report.Others += n
	if err != nil {
		return err
	}
	n, err = c.each(ctx, "hour", keyspace.HourPrefix(), func(row store.Row) {
		if _, err := keyspace.DecodeHour(row.Key, row.Value); err != nil {
			c.broken("hour", row.Key, err)
		}
	})
	c.report.Others += n
	if err != nil {
		return err
	}
	n, err = c.each(ctx, "door", keyspace.DoorKey(), func(row store.Row) {
		if _, err := keyspace.DecodeDoor(row.Key, row.Value); err != nil {
			c.broken("door", row.Key, err)
		}
	})
	c.report.Others += n
	if err != nil {
		return err
	}
	c.report.Marks, err = c.each(ctx, "mark", keyspace.WrongPrefix(), func(row store.Row) {
		if _, _, _, err := keyspace.ParseWrongKey(row.Key); err != nil {
			c.broken("mark", row.Key, err)
		} else if _, err := keyspace.DecodeWrong(row.Key, row.Value); err != nil {
			c.brokenMark(row.Key, err)
		}
	})
	return err
}

// brokenMark notes a mark whose text is gone. Its key still says which pair never serves, so it stays, without text.
func (c *checker) brokenMark(key []byte, err error) {
	again := keyspace.EncodeWrong(key, &keyspace.Wrong{When: time.Now().UnixNano()})
	c.found(Problem{"mark", fmt.Sprintf("%x", key), err.Error(), "the pair still never serves; its text is gone"}, store.Set(key, again))
}
