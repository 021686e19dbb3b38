package engine

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/internal/keyspace"
	"github.com/kvasir-cache/kvasir/internal/store"
)

// TestCompact_APowerCutLeavesWholeEntries cuts the power while entries come and go: what is there has all that belongs
// to it, and the counts agree with it.
func TestCompact_APowerCutLeavesWholeEntries(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	disk := store.NewFakeDisk()
	for round := range 8 {
		e := openEngine(t, Options{Dir: "db", disk: disk, MaxEntries: 40})
		for i := range 60 + 7*round {
			receipt, err := e.Remember(t.Context(), ask(fmt.Sprint(round, " ", i)), answered("answer"))
			if err != nil {
				t.Fatal(err)
			}
			if i%20 == 19 {
				if err := receipt.Wait(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		}
		disk = disk.Crash(random.IntN(101), random)
		_ = e.Close()
		e = openEngine(t, Options{Dir: "db", disk: disk, MaxEntries: 40})
		noOrphans(t, e)
		if size := e.holds().entries; size > 40 {
			t.Errorf("round %d: %d entries, more than 40", round, size)
		}
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestCompact_AFullDiskIsNoFailureOfTheCaller lets the disk refuse writes while room is made.
func TestCompact_AFullDiskIsNoFailureOfTheCaller(t *testing.T) {
	disk := store.NewFakeDisk()
	e := openEngine(t, Options{Dir: "db", disk: disk, MaxEntries: 5})
	for i := range 5 {
		remember(t, e, ask(fmt.Sprint(i)), "answer")
	}
	disk.FailAfter(0, syscall.ENOSPC)
	for i := range 5 {
		_, _ = e.Remember(t.Context(), ask(fmt.Sprint("more", i)), answered("answer"))
	}
	if err := e.needLedger(); err != nil {
		t.Fatal(err)
	}
	if rows, counted := len(e.ledger.live()), e.totals.get(entries); int64(rows) != counted {
		t.Errorf("%d in the ledger, %d counted", rows, counted)
	}
}

// damagedStore returns a store of 400 entries, of which some records that begin with a prefix cannot be read.
func damagedStore(t *testing.T, prefix []byte, o Options) string {
	t.Helper()
	o.Dir = filepath.Join(t.TempDir(), "db")
	e := openEngine(t, o)
	for i := range 400 {
		remember(t, e, ask(fmt.Sprintf("%03d", i)), strings.Repeat("answer ", 10+i))
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 { // opening and closing moves the log into a table
		inStore(t, o.Dir, func(*store.Store) {})
	}
	tables, _ := filepath.Glob(filepath.Join(o.Dir, "*.sst"))
	if len(tables) != 1 {
		t.Fatalf("%d tables", len(tables))
	}
	content, err := os.ReadFile(tables[0])
	if err != nil {
		t.Fatal(err)
	}
	for at := 100; at < len(content); at += 2000 {
		content[at] ^= 1
		if err := os.WriteFile(tables[0], content, 0o600); err != nil {
			t.Fatal(err)
		}
		if onlyDamaged(t, o.Dir, prefix) {
			return o.Dir
		}
		content[at] ^= 1
	}
	t.Fatal("no such damage could be done")
	return ""
}

// onlyDamaged reports whether what cannot be read lies within a prefix.
func onlyDamaged(t *testing.T, dir string, prefix []byte) (only bool) {
	inStore(t, dir, func(s *store.Store) {
		damaged := func(prefix []byte) (damaged bool) {
			for _, err := range s.Scan(prefix) {
				damaged = damaged || errors.Is(err, ErrCorrupt)
			}
			return damaged
		}
		only = damaged(prefix)
		for _, other := range [][]byte{keyspace.EntryPrefix(), keyspace.UsesPrefix(), keyspace.ExactPrefix(), keyspace.TotalPrefix(), keyspace.HourPrefix()} {
			only = only && (string(other) == string(prefix) || !damaged(other))
		}
	})
	return only
}

// TestCompact_DamageDoesNotStopIt has entries go whose records cannot be read, and those whose use counters cannot.
func TestCompact_DamageDoesNotStopIt(t *testing.T) {
	for name, prefix := range map[string][]byte{"entries": keyspace.EntryPrefix(), "use counters": keyspace.UsesPrefix()} {
		t.Run(name, func(t *testing.T) {
			c := newClock()
			dir := damagedStore(t, prefix, Options{Now: c.Now, TTL: time.Hour})
			e := openEngine(t, Options{Dir: dir, Now: c.Now, TTL: time.Hour, MaxEntries: 300, keepAfter: time.Hour})
			r, err := e.Compact(t.Context(), false)
			if size := r.Evicted[RemovedForSize]; err != nil || size.Entries != 104 || e.totals.get(entries) != 296 {
				t.Errorf("%+v, %v", r, err)
			}
			c.advance(2 * time.Hour)
			if gone, err := e.sweep(t.Context(), nil); err != nil || len(gone) != 296 || e.totals.get(entries) != 0 {
				t.Errorf("%d went by age, %v", len(gone), err)
			}
		})
	}
}

func TestForget_WhatIsDamagedGoesByItsKey(t *testing.T) {
	e := openEngine(t, Options{Dir: damagedStore(t, keyspace.EntryPrefix(), Options{}), keepAfter: time.Hour})
	var meant []victim
	for id := range keyspace.ID(400) {
		meant = append(meant, victim{row{id: id + 1}, RemovedByUser})
	}
	if err := e.forgetBatch(meant); err != nil || e.totals.get(entries) != 0 {
		t.Errorf("%d entries are left, %v", e.totals.get(entries), err)
	}
}

// TestForget_GoesOnPastWhatCannotBeRead forgets some entries and then all, of which a page cannot be read.
func TestForget_GoesOnPastWhatCannotBeRead(t *testing.T) {
	e := openEngine(t, Options{Dir: damagedStore(t, keyspace.EntryPrefix(), Options{}), keepAfter: time.Hour})
	some, err := e.Forget(t.Context(), Filter{Prompt: "9"}, "", false)
	if err != nil || some.Unread == 0 || some.Unread > 300 || some.Entries == 0 {
		t.Fatalf("%+v, %v", some, err)
	}
	all, err := e.Forget(t.Context(), Filter{All: true}, "", false)
	if err != nil || all.Entries != 400-some.Entries || all.Unread != some.Unread || e.totals.get(entries) != 0 {
		t.Errorf("%+v after %+v, %v; %d are left", all, some, err, e.totals.get(entries))
	}
}

// TestOpen_CountsAgainWhatWasDamaged damages the count of entries.
func TestOpen_CountsAgainWhatWasDamaged(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "db")
	e := openEngine(t, Options{Dir: dir})
	for i := range 20 {
		remember(t, e, ask(fmt.Sprint(i)), "answer")
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	inStore(t, dir, func(s *store.Store) { flipped(t, s, keyspace.TotalKey(entryBytes)) })
	noOrphans(t, openEngine(t, Options{Dir: dir}))
}
