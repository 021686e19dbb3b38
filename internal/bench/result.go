package bench

import (
	"cmp"
	"time"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/eval"
)

// Setup says what was measured, for whoever reads the report later.
type Setup struct {
	Data       string `json:"data"` // name of the file
	Model      string `json:"model"`
	Strategy   string `json:"strategy"`
	Mode       string `json:"mode"`
	MaxTokens  int    `json:"max_tokens"` // 0 is no limit
	Seed       uint64 `json:"seed"`
	Version    string `json:"version"` // of kvasir
	Platform   string `json:"platform"`
	Processors int    `json:"processors"`
}

// Report is what was measured. Times are in milliseconds.
type Report struct {
	Setup
	Planned     int    `json:"planned"`  // requests there were to ask
	Requests    int    `json:"requests"` // that both arms answered
	Interrupted bool   `json:"interrupted"`
	Failures    int    `json:"failures"` // requests that were invalid, and are left out
	Failure     string `json:"failure,omitempty"`

	Hits       int `json:"hits"`
	Exact      int `json:"exact"` // hits by kind
	Normalized int `json:"normalized"`
	Approx     int `json:"approx"`
	Misses     int `json:"misses"`
	Bypassed   int `json:"bypassed"`
	Unknown    int `json:"unknown"` // requests whose group is not known

	FalseHits     int       `json:"false_hits"`
	PerHit        eval.Rate `json:"false_hits_per_hit"`
	PerHitBound   eval.Rate `json:"upper95_per_hit"`
	FalseHitLines []int     `json:"false_hit_lines"`

	Saving     eval.Rate `json:"saving"` // of the total time
	SavingLow  eval.Rate `json:"saving_low95"`
	SavingHigh eval.Rate `json:"saving_high95"`
	Without    ArmTimes  `json:"without"`
	With       ArmTimes  `json:"with"`
	Cache      Spent     `json:"cache"`    // time of the arm with the cache that was not the model's
	HitTime    Spent     `json:"hit_time"` // that of its hits
	Overhead   Spent     `json:"overhead"` // that of its misses and bypasses
	// OverheadShare is the overhead by the time that the model took for the same requests.
	OverheadShare eval.Rate `json:"overhead_share"`

	ByKind   []*Part `json:"by_kind"`   // as the stream names them, in the order they come
	ByAction []*Part `json:"by_action"` // what the cache did
	Gate     *Gate   `json:"gate,omitempty"`

	samples []Sample
}

// Spent is a time of several requests.
type Spent struct {
	Total  float64 `json:"total_ms"`
	Median float64 `json:"median_ms"`
	P95    float64 `json:"p95_ms"`
}

// ArmTimes are the times of an arm, and what its model did.
type ArmTimes struct {
	Spent
	Inferences   int `json:"inferences"`
	PromptTokens int `json:"prompt_tokens"`
	AnswerTokens int `json:"answer_tokens"`
}

// Part is a part of the requests.
type Part struct {
	Name      string    `json:"name"`
	Requests  int       `json:"requests"`
	Hits      int       `json:"hits"`
	FalseHits int       `json:"false_hits"`
	Saving    eval.Rate `json:"saving"`
	Without   Spent     `json:"without"`
	With      Spent     `json:"with"`
}

// Report sums up what was measured so far.
func (r *Repeat) Report(s Setup) *Report {
	p := &Report{Setup: s, Planned: len(r.Stream), Requests: len(r.samples), Failures: r.failures, Failure: r.failure,
		FalseHitLines: []int{}, samples: r.samples}
	p.Interrupted = p.Requests+p.Failures < p.Planned
	for i := range r.samples {
		p.count(&r.samples[i])
	}
	p.PerHit, p.PerHitBound = eval.RateOf(p.FalseHits, p.Hits), eval.UpperBound(p.FalseHits, p.Hits)
	p.compare(s.Seed)
	p.ByKind = p.parts(func(s *Sample) string { return s.Asked.Kind })
	p.ByAction = p.parts(actionOf)
	return p
}

func (p *Report) count(s *Sample) {
	if s.Asked.Group == "" {
		p.Unknown++
	}
	if s.Wrong {
		p.FalseHits++
		p.FalseHitLines = append(p.FalseHitLines, s.Asked.Line)
	}
	p.Without.add(s.Plain)
	p.With.add(s.Cached)
	switch {
	case s.Cached.Action == base.ActionBypass:
		p.Bypassed++
		return
	case !s.hit():
		p.Misses++
		return
	}
	p.Hits++
	switch s.Cached.Kind {
	case base.KindExact:
		p.Exact++
	case base.KindNormalized:
		p.Normalized++
	default:
		p.Approx++
	}
}

func (a *ArmTimes) add(did Answer) {
	if did.Model > 0 {
		a.Inferences++
	}
	a.PromptTokens += did.PromptTokens
	a.AnswerTokens += did.AnswerTokens
}

// compare computes what hangs on times.
func (p *Report) compare(seed uint64) {
	without, with := times(p.samples, (*Sample).without), times(p.samples, (*Sample).with)
	p.Without.Spent, p.With.Spent = spent(without), spent(with)
	p.Saving = saving(sum(without), sum(with))
	p.SavingLow, p.SavingHigh = interval(without, with, seed)
	var hits, others, model []time.Duration
	for i := range p.samples {
		s := &p.samples[i]
		if s.hit() {
			hits = append(hits, s.overhead())
			continue
		}
		others, model = append(others, s.overhead()), append(model, s.Cached.Model)
	}
	p.Cache, p.HitTime, p.Overhead = spent(append(hits[:len(hits):len(hits)], others...)), spent(hits), spent(others)
	p.OverheadShare = share(sum(others), sum(model))
}

func (s *Sample) without() time.Duration { return s.Without }
func (s *Sample) with() time.Duration    { return s.With }

func times(samples []Sample, of func(*Sample) time.Duration) []time.Duration {
	all := make([]time.Duration, len(samples))
	for i := range samples {
		all[i] = of(&samples[i])
	}
	return all
}

func spent(times []time.Duration) Spent {
	return Spent{milliseconds(sum(times)), milliseconds(quantile(times, 0.5)), milliseconds(quantile(times, 0.95))}
}

// milliseconds rounds to microseconds.
func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// actionOf names what the cache did.
func actionOf(s *Sample) string { return cmp.Or(string(s.Cached.Kind), string(s.Cached.Action)) }

// parts breaks the requests down by a name, in the order in which the names come.
func (p *Report) parts(nameOf func(*Sample) string) (parts []*Part) {
	members := map[string][]Sample{}
	for i := range p.samples {
		s := &p.samples[i]
		name := nameOf(s)
		if members[name] == nil {
			parts = append(parts, &Part{Name: name})
		}
		members[name] = append(members[name], *s)
	}
	for _, part := range parts {
		part.fill(members[part.Name])
	}
	return parts
}

func (part *Part) fill(samples []Sample) {
	part.Requests = len(samples)
	for i := range samples {
		if samples[i].hit() {
			part.Hits++
		}
		if samples[i].Wrong {
			part.FalseHits++
		}
	}
	without, with := times(samples, (*Sample).without), times(samples, (*Sample).with)
	part.Without, part.With, part.Saving = spent(without), spent(with), saving(sum(without), sum(with))
}
