package engine

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/internal/keyspace"
)

// of is a query of a tenant.
func of(tenant, prompt string) *Query {
	q := ask(prompt)
	q.Tenant = tenant
	return q
}

func TestShares_ALargeAnswerIsItsOwnTenants(t *testing.T) {
	e := openEngine(t, Options{MaxBytes: 1 << 20, Shares: map[string]float64{"a": 1, "b": 1}})
	for i := range 40 {
		remember(t, e, of("b", fmt.Sprint("b", i)), strings.Repeat("x", 10<<10))
	}
	remember(t, e, of("a", "a small"), "answer")
	remember(t, e, of("a", "a large"), strings.Repeat("y", 700<<10))
	if got := prompts(t, e); strings.Count(got, "b") != 40 || !strings.Contains(got, "a small") {
		t.Errorf("left are %s; want all of b, which has less than its share, and what a had", got)
	}
	if s := statsOf(e); s["cache.unstored_size"] != 1 || s["cache.entry_bytes"] > 1<<20 {
		t.Errorf("stats %v", s)
	}
	for i := range 5 { // what fits into its share comes in place of what a has
		remember(t, e, of("a", fmt.Sprint("a", i)), strings.Repeat("y", 400<<10))
		if n := strings.Count(prompts(t, e), "b"); n != 40 {
			t.Fatalf("b has %d of 40", n)
		}
	}
	if f := look(t, e, of("a", "a4")); f.Result == nil {
		t.Errorf("the last of a: %+v", f)
	}
}

func TestCompact_AnAnswerLargerThanTheCacheEmptiesNobody(t *testing.T) {
	e := openEngine(t, Options{MaxBytes: 1 << 20})
	for i := range 10 {
		remember(t, e, ask(fmt.Sprint(i)), "answer")
	}
	receipt, err := e.Remember(t.Context(), ask("huge"), answered(strings.Repeat("x", 2<<20)))
	if err != nil || receipt.Wait(t.Context()) != nil {
		t.Fatal(err)
	}
	if s := statsOf(e); s["cache.size"] != 10 || s["cache.unstored_size"] != 1 || s["cache.store_failures"] != 0 {
		t.Errorf("stats %v", s)
	}
}

// TestCompact_KeepsToItsBytesWhereAnswersGrow lets each answer take the place of a much shorter one.
func TestCompact_KeepsToItsBytesWhereAnswersGrow(t *testing.T) {
	e := openEngine(t, Options{MaxBytes: 1 << 20})
	for i := range 1000 {
		remember(t, e, ask(fmt.Sprint(i)), "short")
	}
	for i := range 1000 {
		remember(t, e, ask(fmt.Sprint(999-i)), strings.Repeat("a longer answer ", 100))
		if held := e.holds().bytes; held > 1<<20+1<<20/slackPart {
			t.Fatalf("after %d of them %d bytes are held", i, held)
		}
	}
}

// TestCompact_ReservesFormsAndTags holds that what is kept free for an answer is what it takes.
func TestCompact_ReservesFormsAndTags(t *testing.T) {
	long := strings.Repeat("what is the capital ", 100)
	entry := &keyspace.Entry{Prompt: long, Forms: []keyspace.Form{{Text: long}, {Text: long}}}
	for range 100 {
		entry.Tags = append(entry.Tags, "a tag of some length")
	}
	if about, takes := keyspace.EntrySize(entry), len(keyspace.EncodeEntry(keyspace.EntryKey(1), entry)); about < takes {
		t.Errorf("%d bytes are kept free, and it takes %d", about, takes)
	}
}

func TestPin_ANewerAnswerPinsNoMoreThanHalf(t *testing.T) {
	e := openEngine(t, Options{MaxBytes: 1 << 20})
	for i := range 4 {
		prompt := fmt.Sprint(i)
		remember(t, e, ask(prompt), "short")
		if err := e.Pin(t.Context(), idOf(t, e, prompt), true); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 4 {
		remember(t, e, ask(fmt.Sprint(i)), strings.Repeat("x", 200<<10))
	}
	pinned := int64(0)
	for _, r := range e.ledger.live() {
		if r.pinned {
			pinned += int64(r.bytes)
		}
	}
	if pinned == 0 || pinned > 1<<19 {
		t.Errorf("%d bytes are pinned, of at most %d", pinned, 1<<19)
	}
}

func TestShares_MayChange(t *testing.T) {
	e := openEngine(t, Options{MaxEntries: 40, Shares: map[string]float64{"a": 3}})
	fill := func() (ofA int) {
		for i := range 100 {
			remember(t, e, of("a", fmt.Sprint("a", i)), "answer")
			remember(t, e, of("b", fmt.Sprint("b", i)), "answer")
		}
		return strings.Count(prompts(t, e), "a")
	}
	if n := fill(); n < 28 || n > 32 {
		t.Errorf("a has %d of 40, with 3 of 4 shares", n)
	}
	if err := e.SetShares(map[string]float64{"b": 3}); err != nil {
		t.Fatal(err)
	}
	if n := fill(); n < 8 || n > 12 {
		t.Errorf("a has %d of 40, with 1 of 4 shares", n)
	}
	if err := e.SetShares(map[string]float64{"b": 0}); err == nil {
		t.Error("a share of 0 was accepted")
	}
}

func TestPlan_WhatIsExactlyItsShareStays(t *testing.T) {
	for n := 1; n < 60; n++ {
		var accounts []*account
		for i := range n {
			accounts = append(accounts, &account{name: uint32(i), share: 0.1, has: room{7, 0}})
		}
		accounts = append(accounts, &account{name: 99, share: 0.3, has: room{1000, 0}})
		divide(accounts, int64(7*(n+3)), func(a *account) (has, may *int64) { return &a.has.entries, &a.may.entries })
		for _, a := range accounts[:n] {
			if a.may.entries != 7 {
				t.Fatalf("%d tenants: one that has exactly its share, 7, may have %d", n, a.may.entries)
			}
		}
	}
}

// TestKeeper_DoesNotRestWhereAnswersWait has an answer come while the keeper rests between two batches.
func TestKeeper_DoesNotRestWhereAnswersWait(t *testing.T) {
	e := openEngine(t, Options{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		e.keeping.rest(t.Context(), time.Hour)
	}()
	time.Sleep(10 * time.Millisecond) // so that it rests already
	defer e.keeping.await()()
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Fatal("the keeper rests while an answer waits")
	}
	e.keeping.rest(t.Context(), time.Hour) // nor does it begin to
}

func TestCompact_AsksHooksAboutSomeOnly(t *testing.T) {
	p := &plan{want: room{0, 1 << 40}, share: func(uint32) float64 { return 1 }}
	asked := 0
	p.keep = func(*row, string) bool { asked++; return false }
	p.rows = make([]row, 5000)
	for i := range p.rows {
		p.rows[i].id, p.rows[i].bytes = 1+p.rows[i].id, 1
	}
	if gone := p.victims(); len(gone) == 0 || asked != mostAsked {
		t.Errorf("%d go, and hooks were asked about %d, want %d", len(gone), asked, mostAsked)
	}
}

// TestCompact_SaysWhatWent compares the report with what is gone.
func TestCompact_SaysWhatWent(t *testing.T) {
	dir := t.TempDir() + "/db"
	e := openEngine(t, Options{Dir: dir})
	for i := range 200 {
		remember(t, e, ask(fmt.Sprint(i)), "answer")
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	e = openEngine(t, Options{Dir: dir, MaxEntries: 100})
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := e.compact(ended, nil); err == nil {
		t.Fatal("a compaction went on to its end though its caller had left")
	}
	r, err := e.Compact(t.Context(), false)
	if size := r.Evicted[RemovedForSize]; err != nil || r.More || r.Entries != 200-removeBatch || size.Entries != 101-removeBatch {
		t.Errorf("%+v, %v; a batch of %d had gone before", r, err, removeBatch)
	}
	if r, err = e.Compact(t.Context(), false); err != nil || len(r.Evicted) != 0 {
		t.Errorf("once more: %+v, %v", r, err)
	}
}

// TestPlan_LiftsLargeTopics chooses the best of a topic that is nearly all there is.
func TestPlan_LiftsLargeTopics(t *testing.T) {
	const n, each = 40_000, 10_000
	h := make(ranks, n)
	for i := range h {
		h[i] = ranked{&row{id: keyspace.ID(i), used: true}, float64(i * 7919 % n)}
	}
	began := time.Now()
	h.lift(each, n)
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("it took %v", took)
	}
	for _, r := range h {
		if best := r.row.id*7919%n >= n-each; best != (r.score >= lifted) {
			t.Fatalf("entry %d: score %v", r.row.id, r.score)
		}
	}
}
