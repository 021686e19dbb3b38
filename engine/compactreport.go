package engine

import (
	"context"
	"errors"
	"time"
)

// CompactReport says what a compaction removed, or would remove.
type CompactReport struct {
	Entries int64           `json:"entries"` // that there were
	Bytes   int64           `json:"bytes"`
	Expired Gone            `json:"expired"`        // what was past its time
	Evicted map[string]Gone `json:"evicted"`        // by cause
	Pinned  int64           `json:"pinned"`         // entries that compaction leaves alone
	More    bool            `json:"more,omitempty"` // that has to go and did not yet: compact again
}

// Gone is a number of entries that go, and what that costs.
type Gone struct {
	Entries  int64         `json:"entries"`
	Bytes    int64         `json:"bytes"`
	Cost     time.Duration `json:"cost_ns"`     // what computing all of them once more takes
	Expected time.Duration `json:"expected_ns"` // what they were going to save by their latest uses: cost × decayed uses
}

func (g *Gone) add(r *row, now int64) {
	cost := time.Duration(float64(r.cost) * float64(time.Second))
	g.Entries++
	g.Bytes += int64(r.bytes)
	g.Cost += cost
	g.Expected += time.Duration(float64(cost) * weightAt(float64(r.weight), r.last, now))
}

// Join adds what went in a later compaction.
func (r *CompactReport) Join(later *CompactReport) {
	r.Expired = r.Expired.plus(later.Expired)
	for cause, gone := range later.Evicted {
		if r.Evicted == nil {
			r.Evicted = map[string]Gone{}
		}
		r.Evicted[cause] = r.Evicted[cause].plus(gone)
	}
	r.More = later.More
}

func (g Gone) plus(o Gone) Gone {
	return Gone{g.Entries + o.Entries, g.Bytes + o.Bytes, g.Cost + o.Cost, g.Expected + o.Expected}
}

// compactTime is how long Compact removes before it returns and says that there is more.
const compactTime = 5 * time.Second

// Compact removes what is past its time and, where the store is over its limits, what is worth least, and says what
// went. After some seconds it returns with More. With dry it removes nothing, and says what would go.
func (e *Engine) Compact(ctx context.Context, dry bool) (*CompactReport, error) {
	if err := e.needLedger(); err != nil {
		return nil, err
	}
	if dry {
		return e.planned(ctx), nil
	}
	defer e.keeping.await()()
	now, rows := e.options.Now().UnixNano(), e.ledger.live()
	report := reportOf(rows)
	short, cancel := context.WithTimeout(ctx, compactTime)
	defer cancel()
	gone, err := e.sweep(short, nil)
	report.add(gone, now)
	if err == nil {
		gone, _, err = e.compact(short, nil)
		report.add(gone, now)
	}
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		report.More, err = true, nil
	}
	if err != nil {
		return nil, err
	}
	return report, e.store.Apply().Wait(ctx)
}

// planned says what a compaction would remove.
func (e *Engine) planned(ctx context.Context) *CompactReport {
	p := e.plan(ctx)
	now, left := e.options.Now().UnixNano(), p.rows[:0:0]
	report := reportOf(p.rows)
	for i := range p.rows {
		if r := &p.rows[i]; r.over(now, e.options.Stale) {
			report.Expired.add(r, now)
		} else {
			left = append(left, *r)
		}
	}
	p.rows = left
	most, _ := e.limits()
	if (room{int64(len(left)), report.Bytes - report.Expired.Bytes}).less(most).any() {
		report.add(p.victims(), now)
	}
	return report
}

// reportOf is the report of a compaction that has all before it.
func reportOf(rows []row) *CompactReport {
	r := &CompactReport{Evicted: map[string]Gone{}}
	for i := range rows {
		r.Entries++
		r.Bytes += int64(rows[i].bytes)
		if rows[i].pinned {
			r.Pinned++
		}
	}
	return r
}

// add counts what goes.
func (r *CompactReport) add(victims []victim, now int64) {
	for i := range victims {
		v := &victims[i]
		if v.cause == RemovedByExpiry {
			r.Expired.add(&v.row, now)
			continue
		}
		gone := r.Evicted[v.cause]
		gone.add(&v.row, now)
		r.Evicted[v.cause] = gone
	}
}
