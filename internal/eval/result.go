package eval

// Report is what was measured of one or several strategies on the same data.
type Report struct {
	Data       string    `json:"data"` // name of the file
	Strategies []*Result `json:"strategies"`
	Gate       *Gate     `json:"gate,omitempty"`
}

// Result is what was measured of one strategy: on pairs, or on a stream.
type Result struct {
	Name string `json:"name"`
	*PairCounts
	*StreamCounts
	Served             int              `json:"served"`
	FalseHits          int              `json:"false_hits"` // served, and the answer is wrong
	DistinctWrongPairs int              `json:"distinct_wrong_pairs"`
	PerHit             Rate             `json:"false_hits_per_hit"`
	PerHitBound        Rate             `json:"upper95_per_hit"`
	Recall             Rate             `json:"recall"` // of what could be served rightly, how much was
	ByKind             map[string]*Kind `json:"by_kind"`
	Failures           int              `json:"failures"` // what could not be judged, and was not served
	Failure            string           `json:"failure,omitempty"`
	Curves             Curves           `json:"curves"`
	FalseHitLines      []int            `json:"false_hit_lines"` // of the file, the first thousand

	Wrong  []Example `json:"-"` // false hits, the first of them
	Missed []Example `json:"-"` // not served although the answer is right, the first of them
	missed int
}

// PairCounts are the counts of pairs.
type PairCounts struct {
	Pairs             int  `json:"pairs"`
	Different         int  `json:"different"`
	Same              int  `json:"same"`
	Kept              int  `json:"kept"` // the same and served
	PerDifferent      Rate `json:"false_hits_per_different"`
	PerDifferentBound Rate `json:"upper95_per_different"`
}

// StreamCounts are the counts of a stream.
type StreamCounts struct {
	Requests        int  `json:"requests"`
	Hits            int  `json:"hits"`
	IdealHits       int  `json:"ideal_hits"` // requests whose group was seen before
	Exact           int  `json:"exact"`      // hits by kind
	Normalized      int  `json:"normalized"`
	Approx          int  `json:"approx"`
	Unknown         int  `json:"unknown"` // requests whose group is not known
	PerRequest      Rate `json:"false_hits_per_request"`
	PerRequestBound Rate `json:"upper95_per_request"`
}

// Kind is a part of the data. Pairs have Pairs, Same, Different and Served, streams Requests, Hits and
// IdealHits.
type Kind struct {
	*PairKind
	*StreamKind
	FalseHits int `json:"false_hits"`
	Kept      int `json:"kept"` // served rightly
}

// PairKind are the counts of the pairs of one kind.
type PairKind struct {
	Pairs     int `json:"pairs"`
	Same      int `json:"same"`
	Different int `json:"different"`
	Served    int `json:"served"`
}

// StreamKind are the counts of the requests of one kind.
type StreamKind struct {
	Requests  int `json:"requests"`
	Hits      int `json:"hits"`
	IdealHits int `json:"ideal_hits"`
}

// Example is a pair, or a request with the prompt it was or might have been answered from.
type Example struct {
	Line          int // in the file
	Kind          string
	Stored, Asked string
	Score         Rate
	Why           string
}

const (
	maxExamples = 200
	maxLines    = 1000
)

// all is how many pairs or requests there were.
func (r *Result) all() int {
	if r.PairCounts != nil {
		return r.Pairs
	}
	return r.Requests
}

// could is how often the right answer was there.
func (r *Result) could() int {
	if r.PairCounts != nil {
		return r.Same
	}
	return r.IdealHits
}

// judged is how often a wrong answer could be served: different pairs, or requests.
func (r *Result) judged() (n int, name string, seen, bound Rate) {
	if r.PairCounts != nil {
		return r.Different, "different pair", r.PerDifferent, r.PerDifferentBound
	}
	return r.Requests, "request", r.PerRequest, r.PerRequestBound
}

// finish computes the rates from the counts.
func (r *Result) finish(wrong map[[2]string]bool) {
	r.DistinctWrongPairs = len(wrong)
	r.PerHit, r.PerHitBound = RateOf(r.FalseHits, r.Served), UpperBound(r.FalseHits, r.Served)
	r.Recall = RateOf(r.Served-r.FalseHits, r.could())
	if r.PairCounts != nil {
		r.PerDifferent, r.PerDifferentBound = RateOf(r.FalseHits, r.Different), UpperBound(r.FalseHits, r.Different)
	} else {
		r.PerRequest, r.PerRequestBound = RateOf(r.FalseHits, r.Requests), UpperBound(r.FalseHits, r.Requests)
	}
}

func (r *Result) addWrong(e Example) {
	r.FalseHits++
	if len(r.Wrong) < maxExamples {
		r.Wrong = append(r.Wrong, e)
	}
	if len(r.FalseHitLines) < maxLines {
		r.FalseHitLines = append(r.FalseHitLines, e.Line)
	}
}

func (r *Result) addMissed(e Example) {
	r.missed++
	if len(r.Missed) < maxExamples {
		r.Missed = append(r.Missed, e)
	}
}

func (r *Result) fail(err error) {
	if r.Failures++; r.Failures == 1 {
		r.Failure = err.Error()
	}
}

func newResult(name string) *Result {
	return &Result{Name: name, ByKind: map[string]*Kind{}, FalseHitLines: []int{}, Curves: Curves{Score: []Point{}}}
}
