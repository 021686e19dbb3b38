package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/hostapi"
	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/keyspace"
	"github.com/kvasir-cache/kvasir/internal/store"
)

// rememberCost stores an answer that took so long.
func rememberCost(t testing.TB, e *Engine, q *Query, cost time.Duration) {
	t.Helper()
	r := answered("answer")
	r.Timings.Prefill, r.Timings.Decode = cost, 0
	if _, err := e.Remember(t.Context(), q, r); err != nil {
		t.Fatal(err)
	}
}

func idOf(t testing.TB, e *Engine, prompt string) string {
	t.Helper()
	list, _, err := e.List(t.Context(), "", 10_000)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range list {
		if entry.Prompt == prompt {
			return entry.ID
		}
	}
	t.Fatalf("no entry of %q", prompt)
	return ""
}

func TestCompact_KeepsWhatSavesMost(t *testing.T) {
	c := newClock()
	e := openEngine(t, Options{MaxEntries: 3, Now: c.Now})
	rememberCost(t, e, ask("cheap, used"), time.Second)
	rememberCost(t, e, ask("dear, idle."), 10*time.Second)
	rememberCost(t, e, ask("cheap, idle"), time.Second)
	for range 5 {
		look(t, e, ask("cheap, used"))
	}
	rememberCost(t, e, ask("new, cheap."), time.Second)
	if got := prompts(t, e); got != "cheap, used, dear, idle., new, cheap." {
		t.Errorf("entries %s; want the cheap one gone that nobody used", got)
	}
	c.advance(30 * entryHalfLife) // what was used long ago is worth nothing
	rememberCost(t, e, ask("later one.."), time.Second)
	if got := prompts(t, e); strings.Contains(got, "new, cheap.") || !strings.Contains(got, "later one..") {
		t.Errorf("entries %s; want the oldest of the cheap ones gone", got)
	}
}

func TestCompact_KeepsToItsBytes(t *testing.T) {
	e := openEngine(t, Options{MaxBytes: 1 << 20})
	long := strings.Repeat("a long answer ", 400)
	for i := range 400 {
		r := answered(long)
		if _, err := e.Remember(t.Context(), ask(fmt.Sprint(i)), r); err != nil {
			t.Fatal(err)
		}
		if held := e.holds().bytes; held > 1<<20+1<<20/slackPart {
			t.Fatalf("after %d entries %d bytes are held", i, held)
		}
	}
	s := statsOf(e)
	if s["cache.evicted_bytes"] == 0 || s["cache.evicted"] != s["cache.evicted_bytes"] || s["cache.entry_bytes"] < 1<<19 {
		t.Errorf("stats %v", s)
	}
}

func TestCompact_ATenantCannotPushOutOthers(t *testing.T) {
	e := openEngine(t, Options{MaxEntries: 60, Shares: map[string]float64{"large": 2}})
	of := func(tenant string, i int) *Query {
		q := ask(fmt.Sprintf("%s %04d", tenant, i))
		q.Tenant = tenant
		return q
	}
	for i := range 10 {
		rememberCost(t, e, of("small", i), time.Millisecond) // worth little
	}
	for i := range 500 {
		rememberCost(t, e, of("large", i), time.Hour)
		rememberCost(t, e, of("other", i), time.Hour)
	}
	count := map[string]int{}
	list, _, _ := e.List(t.Context(), "", 1000)
	for _, entry := range list {
		tenant, _, _ := strings.Cut(entry.Prompt, " ")
		count[tenant]++
	}
	if count["small"] != 10 || count["large"] < 32 || count["other"] < 16 || count["large"]+count["other"] > 50 {
		t.Errorf("entries by tenant %v; want all 10 of small, and the rest 2 to 1", count)
	}
	if s := statsOf(e); s["cache.evicted_share"] == 0 {
		t.Errorf("evictions %v; want some for a share", s)
	}
}

func TestCompact_TheBestOfEachTopicGoLast(t *testing.T) {
	e := openEngine(t, Options{MaxEntries: 20, TopicKeep: 2})
	in := func(topic string, i int) *Query {
		q := ask(fmt.Sprintf("%s %04d", topic, i))
		q.Topic = topic
		return q
	}
	for i := range 5 {
		rememberCost(t, e, in("weather", i), time.Millisecond)
		look(t, e, in("weather", i))
	}
	for i := range 100 {
		rememberCost(t, e, in("prices!", i), time.Hour)
	}
	if got := strings.Count(prompts(t, e), "weather"); got != 2 {
		t.Errorf("%d entries of the cheap topic are left, want its best two: %s", got, prompts(t, e))
	}
}

func TestPin_StaysUntilUnpinned(t *testing.T) {
	e := openEngine(t, Options{MaxEntries: 4})
	rememberCost(t, e, ask("pinned"), time.Microsecond)
	id := idOf(t, e, "pinned")
	if err := e.Pin(t.Context(), id, true); err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		rememberCost(t, e, ask(fmt.Sprint("other", i)), time.Hour)
	}
	if entry, err := e.Get(t.Context(), id); err != nil || !entry.Pinned {
		t.Fatalf("%+v, %v", entry, err)
	}
	rememberCost(t, e, ask("pinned"), time.Microsecond) // the newer answer is pinned in its place
	for i := range 10 {
		rememberCost(t, e, ask(fmt.Sprint("more", i)), time.Hour)
	}
	id = idOf(t, e, "pinned")
	if err := e.Pin(t.Context(), id, false); err != nil {
		t.Fatal(err)
	}
	rememberCost(t, e, ask("last"), time.Hour)
	if _, err := e.Get(t.Context(), id); !errors.Is(err, ErrNotFound) {
		t.Errorf("an entry that is no longer pinned and worth nothing stayed: %v", err)
	}
	if err := e.Pin(t.Context(), id, true); !errors.Is(err, ErrNotFound) {
		t.Errorf("pinning what is gone: %v", err)
	}
}

func TestPin_NoMoreThanHalf(t *testing.T) {
	for _, n := range []int{1, 3, 4} {
		e := openEngine(t, Options{MaxEntries: n})
		for i := range n {
			remember(t, e, ask(fmt.Sprint(i)), "answer")
		}
		for i := range n {
			err := e.Pin(t.Context(), idOf(t, e, fmt.Sprint(i)), true)
			if wrong := i >= n/2; wrong != errors.Is(err, base.ErrInvalid) || wrong && base.Hint(err) == "" {
				t.Errorf("pin %d of %d: %v", i, n, err)
			}
		}
	}
}

func TestSweep_RemovesWhatIsPastItsTime(t *testing.T) {
	c := newClock()
	var mu sync.Mutex
	gone := map[string]int{}
	e := openEngine(t, Options{Now: c.Now, TTL: time.Hour, Stale: time.Hour, Events: EventListener{Removed: func(i RemoveInfo) {
		mu.Lock()
		defer mu.Unlock()
		gone[i.Cause]++
	}}})
	for i := range 200 {
		remember(t, e, ask(fmt.Sprint(i)), "answer")
	}
	c.advance(90 * time.Minute)
	remember(t, e, ask("young"), "answer")
	if gone, err := e.sweep(t.Context(), nil); len(gone) != 0 || err != nil {
		t.Errorf("%d swept while they may still serve, %v", len(gone), err)
	}
	c.advance(31 * time.Minute)
	if gone, err := e.sweep(t.Context(), nil); len(gone) != 200 || err != nil {
		t.Errorf("%d swept, %v; want 200", len(gone), err)
	}
	if s := statsOf(e); s["cache.size"] != 1 || s["cache.expired"] != 200 || gone[RemovedByExpiry] != 200 {
		t.Errorf("stats %v, events %v", s, gone)
	}
	noOrphans(t, e)
}

// TestKeeper_WorksByItself holds that nobody has to ask for what the keeper does.
func TestKeeper_WorksByItself(t *testing.T) {
	c := newClock()
	e := openEngine(t, Options{Now: c.Now, TTL: time.Hour, MaxEntries: 128})
	for i := range 129 { // one more than allowed, and no more than the slack
		remember(t, e, ask(fmt.Sprintf("%03d", i)), "answer")
	}
	deadline := time.Now().Add(10 * time.Second)
	for e.totals.get(entries) > 126 && time.Now().Before(deadline) {
		time.Sleep(time.Millisecond)
	}
	if got := e.totals.get(entries); got != 126 {
		t.Errorf("%d entries, want the limit less its slack, 126", got)
	}
}

// noOrphans walks over all keys: every one belongs to an entry that is there, and every entry has all of its own.
func noOrphans(t testing.TB, e *Engine) {
	t.Helper()
	e.changing.Lock() // the keeper may be at work
	defer e.changing.Unlock()
	there := map[keyspace.ID]*keyspace.Entry{}
	for row, err := range e.store.Walk(keyspace.EntryPrefix()) {
		id, entry, errRow := decodeRow(row)
		if err != nil || errRow != nil {
			t.Fatal(err, errRow)
		}
		there[id] = entry
	}
	uses, leads, bytes := 0, 0, int64(0)
	for row, err := range e.store.Walk(keyspace.UsesPrefix()) {
		id, errKey := keyspace.ParseUsesKey(row.Key)
		u, errValue := keyspace.DecodeUses(row.Key, row.Value)
		if err != nil || errKey != nil || errValue != nil || there[id] == nil {
			t.Fatalf("use counter %x is an orphan, or damaged: %v %v %v", row.Key, err, errKey, errValue)
		}
		uses++
		bytes += int64(u.Worth.Bytes)
	}
	for row, err := range e.store.Walk(keyspace.ExactPrefix()) {
		id, errValue := keyspace.DecodeExact(row.Key, row.Value)
		if err != nil || errValue != nil || there[id] == nil {
			t.Fatalf("key %x leads to nothing: %v %v", row.Key, err, errValue)
		}
		leads++
	}
	for row, err := range e.store.Walk(keyspace.SignaturePrefix()) {
		_, _, id, errKey := keyspace.ParseSignatureKey(row.Key)
		if err != nil || errKey != nil || there[id] == nil {
			t.Fatalf("signature %x is an orphan: %v %v", row.Key, err, errKey)
		}
	}
	if uses != len(there) || leads != len(there) || e.totals.get(entries) != int64(len(there)) || e.totals.get(entryBytes) != bytes {
		t.Fatalf("%d entries, %d use counters, %d keys; counted are %d, and %d of %d bytes",
			len(there), uses, leads, e.totals.get(entries), e.totals.get(entryBytes), bytes)
	}
}

// TestLedger_AdoptsEntriesOfOlderPrograms takes the new use counters away, as a program that knew only the old ones
// would have left the store.
func TestLedger_AdoptsEntriesOfOlderPrograms(t *testing.T) {
	dir := t.TempDir() + "/db"
	e := openEngine(t, Options{Dir: dir})
	for i := range 20 {
		q := ask(fmt.Sprintf("%02d", i))
		q.Tenant = fmt.Sprint(i % 2)
		remember(t, e, q, "answer")
		look(t, e, q)
	}
	_ = e.storeCounts(false)
	want := map[keyspace.ID]row{}
	if err := e.needLedger(); err != nil {
		t.Fatal(err)
	}
	for _, r := range e.ledger.live() {
		want[r.id] = r
	}
	var old []store.Mutation
	for id := range want {
		key := keyspace.UsesKey(id)
		old = append(old, store.Delete(key))
		if id%3 == 0 {
			old = append(old, store.Set(key, keyspace.EncodeUses(key, keyspace.Uses{Count: 1, Last: want[id].last})))
		}
	}
	old = append(old, store.Delete(keyspace.TotalKey(entryBytes)))
	if err := e.store.Apply(old...).Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	e.totals = totals{}
	if _, err := e.totals.read(e.store); err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	e = openEngine(t, Options{Dir: dir})
	if err := e.needLedger(); err != nil {
		t.Fatal(err)
	}
	for _, r := range e.ledger.live() {
		w := want[r.id]
		if r.account != w.account || r.topic != w.topic || r.bytes != w.bytes || r.cost != w.cost || r.expires != w.expires {
			t.Errorf("entry %s: %+v, want %+v", r.id, r, w)
		}
		delete(want, r.id)
	}
	if len(want) > 0 {
		t.Errorf("not found again: %v", want)
	}
	noOrphans(t, e)
}

// TestLedger_FollowsChangesWhileItIsRead lets entries come, go and be used while the ledger is being read.
func TestLedger_FollowsChangesWhileItIsRead(t *testing.T) {
	e := openEngine(t, Options{})
	for i := range 600 {
		remember(t, e, ask(fmt.Sprint(i)), "answer")
	}
	e.changing.Lock()
	e.ledger.begin()
	e.changing.Unlock()
	rows, err := e.readLedger(e.store.Walk)
	if err != nil {
		t.Fatal(err)
	}
	remember(t, e, ask("new"), "answer")
	remember(t, e, ask("5"), "again")
	if err := e.Remove(t.Context(), "10"); err != nil {
		t.Fatal(err)
	}
	look(t, e, ask("7"))
	_ = e.storeCounts(false)
	count, _ := e.ledger.finish(rows)
	if count != 600 {
		t.Errorf("%d rows, want 600", count)
	}
	for _, r := range e.ledger.live() {
		if u := e.storedUses(r.id); rowOf(r.id, u) != r {
			t.Errorf("entry %s: %+v, the store says %+v", r.id, r, u)
		}
	}
	noOrphans(t, e)
}

func TestForget_RemovesWhatTheFilterMeans(t *testing.T) {
	c := newClock()
	e := openEngine(t, Options{Now: c.Now, Hooks: only(hostapi.RoleOnStore, func(ev *hostapi.Event) hostapi.Decision {
		if strings.Contains(ev.Request.Prompt, "tagged") {
			return hostapi.Decision{Tags: []string{"x"}}
		}
		return hostapi.Decision{}
	})})
	fill := func() {
		for _, prompt := range []string{"a price", "a tagged price", "weather"} {
			q := ask(prompt)
			q.Topic, q.Model = prompt[:1], ModelID{0xab, byte(len(prompt))}
			remember(t, e, q, "answer")
			look(t, e, q)
		}
		c.advance(time.Hour)
		remember(t, e, ask("young"), "answer")
	}
	for _, test := range []struct {
		filter Filter
		left   string
	}{
		{Filter{Prompt: "price"}, "weather, young"},
		{Filter{Topic: "w"}, "a price, a tagged price, young"},
		{Filter{Tag: "x"}, "a price, weather, young"},
		{Filter{Model: "AB"}, "young"},
		{Filter{OlderThan: time.Minute}, "young"},
		{Filter{Topic: "a", Prompt: "tagged"}, "a price, weather, young"},
		{Filter{All: true}, ""},
	} {
		if _, err := e.Forget(t.Context(), Filter{All: true}, "", false); err != nil {
			t.Fatal(err)
		}
		fill()
		before := prompts(t, e)
		would, err := e.Forget(t.Context(), test.filter, "", true)
		if err != nil || prompts(t, e) != before {
			t.Fatalf("%+v: a dry run left %s, %v", test.filter, prompts(t, e), err)
		}
		did, err := e.Forget(t.Context(), test.filter, "", false)
		if err != nil || *did != *would || prompts(t, e) != test.left {
			t.Errorf("%+v: left %q, want %q; said %+v, then %+v, %v", test.filter, prompts(t, e), test.left, would, did, err)
		}
		noOrphans(t, e)
	}
	for _, f := range []Filter{{}, {All: true, Topic: "a"}} {
		if _, err := e.Forget(t.Context(), f, "", false); !errors.Is(err, base.ErrInvalid) {
			t.Errorf("%+v: %v", f, err)
		}
	}
}

func TestCompact_ADryRunSaysWhatWouldGo(t *testing.T) {
	c := newClock()
	dir := t.TempDir() + "/db"
	e := openEngine(t, Options{Dir: dir, Now: c.Now, TTL: time.Hour})
	for i := range 20 {
		rememberCost(t, e, ask(fmt.Sprintf("%02d", i)), time.Second)
		if i == 4 {
			c.advance(59 * time.Minute)
		}
	}
	c.advance(2 * time.Minute)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	e = openEngine(t, Options{Dir: dir, Now: c.Now, TTL: time.Hour, MaxEntries: 10})
	would, err := e.Compact(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	size := would.Evicted[RemovedForSize]
	if would.Entries != 20 || would.Expired.Entries != 5 || size.Entries != 5 || size.Cost != 5*time.Second ||
		size.Expected <= 4*time.Second || size.Expected > 5*time.Second || statsOf(e)["cache.size"] != 20 {
		t.Errorf("%+v", would)
	}
	if _, err := e.Compact(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if got := prompts(t, e); got != "10, 11, 12, 13, 14, 15, 16, 17, 18, 19" {
		t.Errorf("left are %s", got)
	}
}

func TestDoor_StoresAtTheSecondUse(t *testing.T) {
	dir := t.TempDir() + "/db"
	o := Options{Dir: dir, AdmitSecond: true}
	e := openEngine(t, o)
	remember(t, e, ask("a"), "answer")
	if f := look(t, e, ask("a")); f.Action != base.ActionMiss {
		t.Errorf("stored at first use: %+v", f)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	e = openEngine(t, o) // the next process remembers that it came
	remember(t, e, ask("a"), "answer")
	remember(t, e, ask("b"), "answer")
	if f := look(t, e, ask("a")); f.Action != base.ActionAnswer {
		t.Errorf("not stored at second use: %+v", f)
	}
	if s := statsOf(e); s["cache.unadmitted"] != 2 || s["cache.size"] != 1 {
		t.Errorf("stats %v", s)
	}
	taken := 0
	for i := range 2000 { // more than a set holds
		remember(t, e, ask(fmt.Sprint("once", i)), "answer")
		taken = int(e.totals.get(entries)) - 1
	}
	if taken > 40 {
		t.Errorf("%d of 2,000 requests were taken for others, more than 2 %%", taken)
	}
}

func TestHistory_CountsByTheHour(t *testing.T) {
	c := newClock()
	dir := t.TempDir() + "/db"
	e := openEngine(t, Options{Dir: dir, Now: c.Now, TTL: -1})
	remember(t, e, ask("a"), "answer")
	look(t, e, ask("a"))
	c.advance(time.Hour)
	_ = e.storeCounts(false) // the hour is over
	look(t, e, ask("a"))
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	e = openEngine(t, Options{Dir: dir, Now: c.Now, TTL: -1}) // in the same hour
	look(t, e, ask("a"))
	look(t, e, ask("b"))
	hours, err := e.History(t.Context(), 0)
	if err != nil || len(hours) != 2 {
		t.Fatalf("%+v, %v", hours, err)
	}
	first, second := hours[0], hours[1]
	if first.Remembered != 1 || first.Hits != 1 || first.Lookups != 1 || first.Entries != 1 || first.Bytes == 0 || first.Saved < 3*time.Second {
		t.Errorf("first hour %+v", first)
	}
	if second.Remembered != 0 || second.Hits != 2 || second.Lookups != 3 || !second.Start.Equal(first.Start.Add(time.Hour)) {
		t.Errorf("second hour %+v", second)
	}
	for range mostHours + 100 {
		c.advance(time.Hour)
		look(t, e, ask("a"))
		_ = e.storeCounts(false)
	}
	if hours, err = e.History(t.Context(), 0); err != nil || len(hours) != mostHours {
		t.Errorf("%d hours are kept, %v; want %d", len(hours), err, mostHours)
	}
	if hours, err = e.History(t.Context(), 5); err != nil || len(hours) != 5 || hours[3].Hits != 1 {
		t.Errorf("the last five: %+v, %v", hours, err)
	}
}

// TestHistory_LosesNothing has other batches store the totals, after which nothing waits to be stored.
func TestHistory_LosesNothing(t *testing.T) {
	e := openEngine(t, Options{TTL: -1})
	remember(t, e, ask("a"), "answer")
	_ = e.storeCounts(false)
	look(t, e, ask("other"))
	if err := e.Remove(t.Context(), idOf(t, e, "a")); err != nil {
		t.Fatal(err)
	}
	hours, err := e.History(t.Context(), 0)
	if err != nil || len(hours) == 0 {
		t.Fatalf("%+v, %v", hours, err)
	}
	if h := hours[len(hours)-1]; h.Lookups != 1 || h.Removed != 1 || h.Entries != 0 || h.Bytes != 0 {
		t.Errorf("%+v; want a lookup and a removal", h)
	}
}

func TestStale_OneInferenceRenewsWhatManyAsk(t *testing.T) {
	c := newClock()
	e := openEngine(t, Options{Now: c.Now, TTL: time.Hour, Stale: time.Hour})
	q := ask("a")
	q.Control.Stale = true
	remember(t, e, q, "old")
	c.advance(90 * time.Minute)
	if f := look(t, e, ask("a")); f.Action != base.ActionMiss {
		t.Errorf("who does not have it renewed got %+v", f)
	}
	var inferred int
	release, done := make(chan struct{}), make(chan struct{})
	infer := func(context.Context, func(Chunk) error) (*Result, error) {
		inferred++
		<-release
		return answered("new"), nil
	}
	e.options.Events.Remembered = func(RememberInfo) { close(done) }
	for range 20 {
		a, err := e.Serve(t.Context(), q, infer, func(Chunk) error { return nil })
		if err != nil || a.Result.Text != "old" || !strings.Contains(a.Reason, "expired 30 minutes ago") {
			t.Fatalf("%+v, %v", a, err)
		}
	}
	close(release)
	<-done
	a, err := e.Serve(t.Context(), q, infer, func(Chunk) error { return nil })
	if err != nil || a.Result.Text != "new" || inferred != 1 {
		t.Errorf("%+v, %v after %d inferences", a, err, inferred)
	}
	if s := statsOf(e); s["cache.hit_stale"] != 20 || s["cache.size"] != 1 {
		t.Errorf("stats %v", s)
	}
}

func TestStale_RefreshesAreBounded(t *testing.T) {
	c := newClock()
	e := openEngine(t, Options{Now: c.Now, TTL: time.Hour, Stale: time.Hour})
	stale := func(i int) *Query {
		q := ask(fmt.Sprint(i))
		q.Control.Stale = true
		return q
	}
	for i := range 50 {
		remember(t, e, stale(i), "old")
	}
	c.advance(90 * time.Minute)
	var begun atomic.Int64
	release := make(chan struct{})
	infer := func(context.Context, func(Chunk) error) (*Result, error) {
		begun.Add(1)
		<-release
		return answered("new"), nil
	}
	for i := range 50 {
		if _, err := e.Serve(t.Context(), stale(i), infer, func(Chunk) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(50 * time.Millisecond) // for those that should not begin
	if n := begun.Load(); n != mostRefreshes {
		t.Errorf("%d inferences that nobody waits for, want %d", n, mostRefreshes)
	}
	close(release)
	within(t, "the next hit begins another", func() bool {
		_, err := e.Serve(t.Context(), stale(49), infer, func(Chunk) error { return nil })
		return err == nil && begun.Load() > mostRefreshes
	})
}

// TestStale_ARefreshEndsInTheTimeOfItsRequest lets an inference hang that nobody waits for.
func TestStale_ARefreshEndsInTheTimeOfItsRequest(t *testing.T) {
	c := newClock()
	e := openEngine(t, Options{Now: c.Now, TTL: time.Hour, Stale: time.Hour})
	q := ask("a")
	q.Control.Stale = true
	remember(t, e, q, "old")
	c.advance(90 * time.Minute)
	ended := make(chan struct{})
	hang := func(ctx context.Context, _ func(Chunk) error) (*Result, error) {
		<-ctx.Done()
		close(ended)
		return nil, ctx.Err()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := e.Serve(ctx, q, hang, func(Chunk) error { return nil }); err != nil {
		t.Fatal(err)
	}
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Fatal("the inference goes on though its request would have ended")
	}
	within(t, "the failure is counted", func() bool { return e.totals.get(refreshFailed) == 1 })
}

// within waits for something to become true.
func within(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

func TestStale_ClosingWaitsForNoRenewal(t *testing.T) {
	c := newClock()
	e := openEngine(t, Options{Now: c.Now, TTL: time.Hour, Stale: time.Hour})
	q := ask("a")
	q.Control.Stale = true
	remember(t, e, q, "old")
	c.advance(90 * time.Minute)
	begun := make(chan struct{})
	infer := func(ctx context.Context, _ func(Chunk) error) (*Result, error) {
		close(begun)
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if _, err := e.Serve(t.Context(), q, infer, func(Chunk) error { return nil }); err != nil {
		t.Fatal(err)
	}
	<-begun
	if err := e.Close(); err != nil {
		t.Error(err)
	}
}

// TestPlan_GivesEachItsShare holds the arithmetic of shares to its promises, whatever tenants have.
func TestPlan_GivesEachItsShare(t *testing.T) {
	for _, test := range []struct {
		has, shares, may []float64
		want             int64
	}{
		{[]float64{10, 10}, []float64{1, 1}, []float64{10, 10}, 20},
		{[]float64{100, 10}, []float64{1, 1}, []float64{50, 10}, 60},
		{[]float64{100, 100, 5}, []float64{2, 1, 1}, []float64{30, 15, 5}, 50},
		{[]float64{100, 100}, []float64{1, 3}, []float64{0, 0}, 0},
		{[]float64{7}, []float64{0.001}, []float64{3}, 3},
	} {
		var accounts []*account
		for i := range test.has {
			accounts = append(accounts, &account{name: uint32(i), share: test.shares[i], has: room{int64(test.has[i]), 0}})
		}
		divide(accounts, test.want, func(a *account) (has, may *int64) { return &a.has.entries, &a.may.entries })
		var got []float64
		for _, a := range accounts {
			got = append(got, float64(a.may.entries))
		}
		if !slices.Equal(got, test.may) {
			t.Errorf("%v by %v in %d: got %v, want %v", test.has, test.shares, test.want, got, test.may)
		}
	}
}
