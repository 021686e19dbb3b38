package server

import (
	"context"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/kvasir-cache/kvasir/internal/openai"
)

// The history goes back a day: one sample each samplePeriod, of some 500 bytes.
const (
	samplePeriod = 10 * time.Second
	maxSamples   = int(24 * time.Hour / samplePeriod)
)

// tracked are the metrics of the cache that the history has. Those that are gauges are shown as they are, the
// others as what was added.
var tracked = [...]struct {
	name  string
	gauge bool
}{
	{name: "cache.hit_exact_bytes"}, {name: "cache.hit_normalized"}, {name: "cache.hit_approx"},
	{name: "cache.miss_absent"}, {name: "cache.miss_guard"}, {name: "cache.miss_unmatched"}, {name: "cache.miss_expired"},
	{name: "cache.miss_longer"}, {name: "cache.miss_rejected"}, {name: "cache.miss_asked"}, {name: "cache.miss_failed"},
	{name: "cache.bypass"}, {name: "cache.saved_ms"}, {name: "kv.restored_tokens"},
	{name: "cache.size", gauge: true}, {name: "cache.bytes", gauge: true}, {name: "kv.bytes", gauge: true},
}

// sample is what the cache and the server had counted at a time.
type sample struct {
	at               time.Time
	values           [len(tracked)]float64 // as tracked has them
	stored, computed latencyCounts
}

// history keeps the last samples. Its methods may be called from many goroutines.
type history struct {
	stored, computed latencies // of requests answered from the store, and by the model

	mu      sync.Mutex
	samples []sample // a ring once it is full
	next    int
}

// record counts how long a request took.
func (h *history) record(action string, took time.Duration) {
	switch action {
	case "":
	case "answer":
		h.stored.add(took)
	default:
		h.computed.add(took)
	}
}

func (h *history) add(s sample) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.samples) < maxSamples {
		h.samples = append(h.samples, s)
		return
	}
	h.samples[h.next] = s
	h.next = (h.next + 1) % maxSamples
}

// after returns the samples from the last one that is not younger than since, oldest first.
func (h *history) after(since time.Time) []sample {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := len(h.samples)
	var list []sample
	for i := range n {
		s := h.samples[(h.next+i)%n]
		if len(list) == 1 && !s.at.After(since) {
			list = list[:0]
		}
		list = append(list, s)
	}
	return list
}

// sample takes a sample. A cache that cannot be asked leaves a gap.
func (s *Server) sample(ctx context.Context) (taken sample, ok bool) {
	store := s.options.Model.Store()
	if store == nil {
		return taken, false
	}
	ctx, cancel := context.WithTimeout(ctx, statsTime)
	defer cancel()
	stats, err := store.Stats(ctx)
	if err != nil {
		return taken, false
	}
	taken = sample{at: s.options.Now(), stored: s.history.stored.read(), computed: s.history.computed.read()}
	for i, about := range tracked {
		taken.values[i] = stats[about.name]
	}
	return taken, true
}

// keepHistory takes samples until ctx ends.
func (s *Server) keepHistory(ctx context.Context) {
	tick := time.NewTicker(samplePeriod)
	defer tick.Stop()
	for {
		if taken, ok := s.sample(ctx); ok {
			s.history.add(taken)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// past is the history as GET /history gives it: what happened from each of Times to the next.
type past struct {
	Times  []int64              `json:"times"` // seconds since 1970; one more than each list of Series has
	Series map[string][]float64 `json:"series"`
}

// Bounds of what GET /history takes.
const (
	mostMinutes = 24 * 60
	mostPoints  = 1000
)

// pastOf answers GET /history?minutes=N&points=N.
func pastOf(ctx context.Context, x *exchange) error {
	minutes, err := x.number("minutes", 60, mostMinutes)
	if err != nil {
		return err
	}
	points, err := x.number("points", 120, mostPoints)
	if err != nil {
		return err
	}
	s := x.server
	list := s.history.after(s.options.Now().Add(-time.Duration(minutes) * time.Minute))
	if now, ok := s.sample(ctx); ok {
		list = append(list, now) // so that the last moments are in it
	}
	return x.json(http.StatusOK, makePast(thin(list, points+1)))
}

// number reads a whole number of the query, from 1 to most.
func (x *exchange) number(name string, usual, most int) (int, error) {
	text := x.r.URL.Query().Get(name)
	if text == "" {
		return usual, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, openai.Invalid(name, "want a number from 1 to %d", most)
	}
	return n, nil
}

// thin returns at most n samples, the first and the last among them. What was counted between two that are left
// is not lost, since samples count from the beginning.
func thin(list []sample, n int) []sample {
	if len(list) <= n || n < 2 {
		return list
	}
	kept := make([]sample, n)
	for i := range kept {
		kept[i] = list[i*(len(list)-1)/(n-1)]
	}
	return kept
}

func makePast(list []sample) *past {
	p := &past{Times: []int64{}, Series: map[string][]float64{}}
	for i, now := range list {
		p.Times = append(p.Times, now.at.Unix())
		if i == 0 {
			continue
		}
		before := list[i-1]
		for n, about := range tracked {
			v := now.values[n]
			if !about.gauge {
				v = max(0, v-before.values[n]) // less means that another store counts
			}
			p.Series[about.name] = append(p.Series[about.name], v)
		}
		p.addLatency("stored", now.stored.since(before.stored))
		p.addLatency("computed", now.computed.since(before.computed))
	}
	return p
}

func (p *past) addLatency(of string, c latencyCounts) {
	for name, q := range map[string]float64{"_p50_ms": 0.5, "_p99_ms": 0.99} {
		p.Series[of+name] = append(p.Series[of+name], c.quantile(q))
	}
}
