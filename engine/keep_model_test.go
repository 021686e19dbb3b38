package engine

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/keyspace"
	"github.com/kvasir-cache/kvasir/internal/store"
)

// TestKeep_BehavesLikeAMap runs random histories against a map and against engines that differ in options that do not
// matter to them. All decide alike, whoever swept, compacted, opened anew or read its ledger when.
func TestKeep_BehavesLikeAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &keepMachine{clock: newClock(), known: map[string]*keptAnswer{}}
		m.add(t, Options{TTL: time.Hour})
		m.add(t, Options{TTL: time.Hour, TopicKeep: 3, MaxBytes: 1 << 40, disk: store.NewFakeDisk(), Dir: "db"})
		m.add(t, Options{TTL: time.Hour, MaxEntries: 200, Stale: 30 * time.Minute, Shares: map[string]float64{"a": 9}})
		defer m.close()
		t.Repeat(map[string]func(*rapid.T){
			"remember": m.remember, "lookup": m.lookup, "advance": m.advance, "tidy": m.tidy, "reopen": m.reopen,
			"remove": m.remove, "forget": m.forget, "pin": m.pin,
		})
		for _, e := range m.engines {
			noOrphansRapid(t, e)
		}
	})
}

type keptAnswer struct {
	text, topic string
	expires     time.Time
}

type keepMachine struct {
	clock   *clock
	engines []*Engine
	options []Options
	known   map[string]*keptAnswer // by tenant and prompt
	count   int
}

func (m *keepMachine) add(t *rapid.T, o Options) {
	o.Now = m.clock.Now
	e, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	m.engines, m.options = append(m.engines, e), append(m.options, o)
}

func (m *keepMachine) close() {
	for _, e := range m.engines {
		_ = e.Close()
	}
}

func (m *keepMachine) query(t *rapid.T) (string, *Query) {
	prompt := fmt.Sprint("prompt ", rapid.IntRange(0, 12).Draw(t, "prompt"))
	tenant := rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "tenant")
	q := ask(prompt)
	q.Tenant = tenant
	return tenant + "/" + prompt, q
}

func (m *keepMachine) remember(t *rapid.T) {
	name, q := m.query(t)
	m.count++
	topic := rapid.SampledFrom([]string{"", "x", "y"}).Draw(t, "topic")
	q.Topic, q.Control.TTL = topic, time.Duration(rapid.IntRange(0, 90).Draw(t, "ttl"))*time.Minute
	a := &keptAnswer{fmt.Sprint("answer ", m.count), topic, m.clock.Now().Add(time.Hour)}
	if q.Control.TTL > 0 && q.Control.TTL < time.Hour {
		a.expires = m.clock.Now().Add(q.Control.TTL)
	}
	for _, e := range m.engines {
		if _, err := e.Remember(t.Context(), q, answered(a.text)); err != nil {
			t.Fatal(err)
		}
	}
	m.known[name] = a
}

func (m *keepMachine) lookup(t *rapid.T) {
	name, q := m.query(t)
	a := m.known[name]
	serves := a != nil && m.clock.Now().Before(a.expires)
	for i, e := range m.engines {
		f, err := e.Lookup(t.Context(), q)
		if err != nil || (f.Action == base.ActionAnswer) != serves || serves && f.Result.Text != a.text {
			t.Fatalf("engine %d, %q: %+v, %v; want %+v, serves %t", i, name, f, err, a, serves)
		}
	}
}

func (m *keepMachine) advance(t *rapid.T) {
	m.clock.advance(time.Duration(rapid.IntRange(1, 40).Draw(t, "minutes")) * time.Minute)
}

// tidy does in one engine what its keeper would do some time.
func (m *keepMachine) tidy(t *rapid.T) {
	e := m.engines[rapid.IntRange(0, len(m.engines)-1).Draw(t, "engine")]
	if err := e.keepOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// reopen closes the engine that is on a disk, and opens it anew.
func (m *keepMachine) reopen(t *rapid.T) {
	if err := m.engines[1].Close(); err != nil {
		t.Fatal(err)
	}
	o := m.options[1]
	o.Random = nil
	e, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	e.salts = m.engines[1].salts // a disk of a test keeps none
	m.engines[1] = e
}

func (m *keepMachine) remove(t *rapid.T) {
	name, q := m.query(t)
	for _, e := range m.engines {
		k, err := e.keysOf(q)
		if err != nil {
			t.Fatal(err)
		}
		if id, err := e.leadsTo(k.index()); err == nil {
			if err := e.Remove(t.Context(), id.String()); err != nil {
				t.Fatal(err)
			}
		}
	}
	delete(m.known, name)
}

func (m *keepMachine) forget(t *rapid.T) {
	topic := rapid.SampledFrom([]string{"x", "y"}).Draw(t, "topic")
	for _, e := range m.engines {
		if _, err := e.Forget(t.Context(), Filter{Topic: topic}, "", false); err != nil {
			t.Fatal(err)
		}
	}
	for name, a := range m.known {
		if a.topic == topic {
			delete(m.known, name)
		}
	}
}

// pin pins in one engine, which changes no decision while nothing has to go.
func (m *keepMachine) pin(t *rapid.T) {
	_, q := m.query(t)
	e := m.engines[0]
	k, err := e.keysOf(q)
	if err != nil {
		t.Fatal(err)
	}
	if id, err := e.leadsTo(k.index()); err == nil {
		if err := e.Pin(t.Context(), id.String(), rapid.Bool().Draw(t, "pinned")); err != nil {
			t.Fatal(err)
		}
	}
}

// noOrphansRapid is noOrphans where there is no testing.TB.
func noOrphansRapid(t *rapid.T, e *Engine) {
	there := map[keyspace.ID]bool{}
	for row, err := range e.store.Walk(keyspace.EntryPrefix()) {
		id, errKey := keyspace.ParseEntryKey(row.Key)
		if err != nil || errKey != nil {
			t.Fatal(err, errKey)
		}
		there[id] = true
	}
	for row, err := range e.store.Walk(keyspace.UsesPrefix()) {
		if id, errKey := keyspace.ParseUsesKey(row.Key); err != nil || errKey != nil || !there[id] {
			t.Fatalf("use counter %x is an orphan: %v %v", row.Key, err, errKey)
		}
	}
	if err := e.needLedger(); err != nil {
		t.Fatal(err)
	}
	rows := e.ledger.live()
	if len(rows) != len(there) || e.totals.get(entries) != int64(len(there)) {
		t.Fatalf("%d entries, %d in the ledger, %d counted", len(there), len(rows), e.totals.get(entries))
	}
	for _, r := range rows {
		if u := e.storedUses(r.id); rowOf(r.id, u) != r {
			t.Fatalf("the ledger says %+v, the store %+v", r, u)
		}
	}
}

// TestKeep_PlansKeepTheirPromises makes plans of any rows: what is left fits or is pinned, and what fits loses nothing.
func TestKeep_PlansKeepTheirPromises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var rows []row
		var all room
		for i := range rapid.IntRange(0, 60).Draw(t, "rows") {
			r := row{
				id: keyspace.ID(i + 1), account: rapid.Uint32Range(1, 3).Draw(t, "account"), topic: rapid.Uint32Range(1, 4).Draw(t, "topic"),
				weight: rapid.Float32Range(0, 10).Draw(t, "weight"), cost: rapid.Float32Range(0, 10).Draw(t, "cost"),
				bytes: rapid.Uint32Range(1, 100).Draw(t, "bytes"), used: rapid.Bool().Draw(t, "used"), pinned: rapid.IntRange(0, 9).Draw(t, "pinned") == 0,
			}
			rows = append(rows, r)
			all.add(&r, 1)
		}
		p := &plan{
			rows: rows, topic: rapid.IntRange(0, 3).Draw(t, "topic keep"), share: func(a uint32) float64 { return float64(a) },
			want: room{int64(rapid.IntRange(0, 70).Draw(t, "entries")), int64(rapid.IntRange(0, 4000).Draw(t, "bytes"))},
		}
		if rapid.Bool().Draw(t, "hooks") {
			p.keep = func(r *row, _ string) bool { return r.id%3 == 0 }
		}
		accounts, _ := p.accounts()
		several := len(accounts) > 1 // one may lose by entries while another does by bytes
		gone, left := map[keyspace.ID]bool{}, all
		for _, v := range p.victims() {
			if v.pinned || gone[v.id] {
				t.Fatalf("%+v goes, though it is pinned or goes already", v)
			}
			if !left.less(p.want).any() && p.keep == nil && !several {
				t.Fatalf("%+v goes, though there is room", v)
			}
			gone[v.id] = true
			left.add(&v.row, -1)
		}
		if !left.less(p.want).any() {
			return
		}
		for _, r := range rows {
			if !r.pinned && !gone[r.id] {
				t.Fatalf("%+v stays, though %+v are left and %+v are wanted", r, left, p.want)
			}
		}
	})
}
