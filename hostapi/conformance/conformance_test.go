package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/kvasir-cache/kvasir/hostapi"
)

func readVectors(t testing.TB) []Vector {
	t.Helper()
	v, err := ReadVectors(strings.NewReader(vectors()))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestRun_AGoodPluginPasses(t *testing.T) {
	Run(t, newFake(), Options{
		Vectors: readVectors(t), Symmetric: true, Host: true,
		Again: func() (hostapi.Plugin, error) { return newFake(), nil },
	})
}

func TestCheck_NothingIsSkippedForAPluginWithEveryRole(t *testing.T) {
	report := Check(context.Background(), newFake(), Options{
		Vectors: readVectors(t), Symmetric: true, Host: true,
		Again: func() (hostapi.Plugin, error) { return newFake(), nil },
	})
	for _, r := range report.Results {
		if r.Status != Passed {
			t.Errorf("%s: %s %q", r.Check, r.Status, r.Details)
		}
	}
	if !report.OK() || report.Count(Passed) != len(checks) {
		t.Errorf("%d of %d checks passed", report.Count(Passed), len(checks))
	}
}

func TestCheck_APluginIsCheckedInItsRolesOnly(t *testing.T) {
	for _, role := range hostapi.Roles() {
		f := newFake()
		f.manifest.Roles = []hostapi.Role{role}
		if role != hostapi.RoleScore {
			f.manifest.Scorer = nil
		}
		if role == hostapi.RoleFeatures {
			f.manifest.Scorer = &hostapi.Scorer{Class: hostapi.ClassFeatures, Measure: "jaccard"}
		}
		report := Check(context.Background(), f, Options{})
		if !report.OK() {
			t.Errorf("%s: %+v", role, report.Results)
		}
		for _, r := range report.Results {
			if strings.HasPrefix(r.Check, string(role)+":") && r.Status == Skipped &&
				!slices.Contains([]string{"there is no second instance to compare", "the scorer does not claim it"}, r.Details[0]) {
				t.Errorf("%s: %s was skipped: %q", role, r.Check, r.Details)
			}
		}
	}
}

// Each of these breaks the contract in one way, and the check named beside it says so.
func TestCheck_CatchesABrokenPlugin(t *testing.T) {
	var calls atomic.Int64
	for _, c := range []struct {
		name  string
		check string // begins so
		spoil func(f *fake)
	}{
		{"no manifest", "manifest: it is whole", func(f *fake) { f.manifest = nil }},
		{"no role", "manifest: it is whole", func(f *fake) { f.manifest.Roles = nil }},
		{"an unknown role", "manifest: it is whole", func(f *fake) { f.manifest.Roles = []hostapi.Role{"other"} }},
		{"a role twice", "manifest: it is whole", func(f *fake) { f.manifest.Roles = append(hostapi.Roles(), "score") }},
		{"a long name", "manifest: it is whole", func(f *fake) { f.manifest.Name = strings.Repeat("x", 65) }},
		{"no scorer", "manifest: it is whole", func(f *fake) { f.manifest.Scorer = nil }},
		{"a scorer of no class", "manifest: it is whole", func(f *fake) { f.manifest.Scorer = &hostapi.Scorer{} }},
		{"a hook that does not exist", "roles:", func(f *fake) { f.manifest.Roles = append(f.manifest.Roles, "on_nothing") }},

		{"the empty text fails", "normalize: the empty", normalizes(func(text string) (string, error) {
			if text == "" {
				return "", hostapi.ErrFailed
			}
			return text, nil
		})},
		{"a text fails", "normalize: every", normalizes(func(text string) (string, error) {
			if strings.ContainsRune(text, 0) {
				return "", hostapi.ErrFailed
			}
			return text, nil
		})},
		{"it panics", "normalize: every", normalizes(func(text string) (string, error) {
			return text[strings.IndexByte(text+"-", '-')-1:], nil
		})},
		{"invalid UTF-8 comes out", "normalize: every", normalizes(func(text string) (string, error) {
			return text[:min(len(text), 16)], nil
		})},
		{"too much comes out", "normalize: every", normalizes(func(text string) (string, error) {
			if len(text) == 5000 {
				return strings.Repeat(text, 300), nil
			}
			return text, nil
		})},
		{"it goes on changing", "normalize: a normal form is", normalizes(func(text string) (string, error) { return strings.TrimSuffix(text, " "), nil })},
		{"it grows", "normalize: a normal form is", normalizes(func(text string) (string, error) { return "x" + text, nil })},
		{"it counts", "normalize: the same text", normalizes(func(text string) (string, error) {
			return fmt.Sprint(calls.Add(1)), nil
		})},
		{"it remembers the last text", "normalize: the same text", func(f *fake) {
			var mu sync.Mutex
			last := ""
			f.normalize = func(text string) (string, error) {
				mu.Lock()
				defer mu.Unlock()
				defer func() { last = text }()
				return fmt.Sprint(len(last)), nil
			}
		}},
		{"a large text crashes it", "normalize: 1 MiB", normalizes(func(text string) (string, error) {
			if len(text) > 100_000 {
				return "", hostapi.ErrTrap
			}
			return text, nil
		})},
		{"a large text breaks it", "normalize: 1 MiB", func(f *fake) {
			var worn atomic.Bool
			f.normalize = func(text string) (string, error) {
				if len(text) > 100_000 {
					worn.Store(true)
					return "", hostapi.ErrBudget
				}
				if worn.Load() {
					return "worn", nil
				}
				return text, nil
			}
		}},
		{"two at once disturb each other", "calls at the same time", func(f *fake) {
			var busy atomic.Int32
			f.normalize = func(text string) (string, error) {
				defer busy.Add(-1)
				if busy.Add(1) > 1 {
					return "disturbed", nil
				}
				time.Sleep(time.Millisecond)
				return text, nil
			}
		}},

		{"a set too few", "features: no text", featuring(func(texts []string) [][]uint64 { return make([][]uint64, len(texts)+1) })},
		{"a set that descends", "features: every", featuring(func(texts []string) [][]uint64 { return slices.Repeat([][]uint64{{2, 1}}, len(texts)) })},
		{"sets know their place", "features: a set depends", featuring(func(texts []string) [][]uint64 {
			sets := make([][]uint64, len(texts))
			for i := range sets {
				sets[i] = []uint64{uint64(i)}
			}
			return sets
		})},
		{"a large text has no set", "features: 1 MiB", func(f *fake) {
			f.features = func(texts []string) ([][]uint64, error) {
				if len(texts) == 1 && len(texts[0]) > 100_000 {
					return nil, hostapi.ErrTrap
				}
				return make([][]uint64, len(texts)), nil
			}
		}},

		{"no candidate fails", "score: no candidate", func(f *fake) {
			good := f.score
			f.score = func(query string, candidates []string) ([]float32, error) {
				if len(candidates) == 0 {
					return nil, hostapi.ErrOutput
				}
				return good(query, candidates)
			}
		}},
		{"a score is missing", "score: every", func(f *fake) {
			f.score = func(_ string, candidates []string) ([]float32, error) { return make([]float32, len(candidates)/2), nil }
		}},
		{"above 1", "score: every", scores(func(a, b string) float32 { return 1 + float32(len(a)) })},
		{"below 0", "score: every", scores(func(a, b string) float32 { return float32(len(a) - len(b)) })},
		{"not a number", "score: every", scores(func(a, b string) float32 { return float32(math.NaN()) })},
		{"unlike itself", "score: a text is like itself", scores(func(a, b string) float32 { return 0.99 })},
		{"ranks instead of scores", "score: a score depends", func(f *fake) {
			f.score = func(_ string, candidates []string) ([]float32, error) {
				ranks := make([]float32, len(candidates))
				for i := range ranks {
					ranks[i] = 1 / float32(1+i)
				}
				return ranks, nil
			}
		}},
		{"scores share the best's", "score: a score depends", func(f *fake) {
			good := f.score
			f.score = func(query string, candidates []string) ([]float32, error) {
				scores, err := good(query, candidates)
				for i := range scores {
					scores[i] /= max(1e-9, slices.Max(scores))
				}
				return scores, err
			}
		}},
		{"not symmetric", "score: either order", scores(func(a, b string) float32 {
			if strings.HasPrefix(a, b) {
				return 1
			}
			return 0
		})},
		{"a large text crashes the scorer", "score: 1 MiB", scores(func(a, b string) float32 {
			if len(a) > 100_000 {
				panic("out of memory")
			}
			return 1
		})},

		{"a verdict of its own", "explain:", func(f *fake) {
			f.explain = func(_, _ string) (*hostapi.Explanation, error) { return &hostapi.Explanation{Verdict: "alike"}, nil }
		}},
		{"a difference past the end", "explain:", func(f *fake) {
			f.explain = func(query, candidate string) (*hostapi.Explanation, error) {
				e, err := explainWhole(query, candidate)
				for i := range e.Differences {
					e.Differences[i].At[1]++
				}
				return e, err
			}
		}},
		{"explaining fails", "explain:", func(f *fake) {
			f.explain = func(_, _ string) (*hostapi.Explanation, error) { return nil, hostapi.ErrFailed }
		}},

		{"a decision of another hook", "on_evict:", func(f *fake) {
			f.hook = func(*hostapi.Event) (*hostapi.Decision, error) { return &hostapi.Decision{Accept: new(bool)}, nil }
		}},
		{"a tag too long", "on_store:", func(f *fake) {
			f.hook = func(e *hostapi.Event) (*hostapi.Decision, error) {
				if e.Hook != hostapi.RoleOnStore {
					return nil, nil
				}
				return &hostapi.Decision{Tags: []string{e.Request.Prompt}}, nil
			}
		}},
		{"an event fails", "on_hit:", func(f *fake) {
			f.hook = func(e *hostapi.Event) (*hostapi.Decision, error) {
				if e.Entry != nil && e.Entry.ID == "" {
					return nil, hostapi.ErrFailed
				}
				return nil, nil
			}
		}},
		{"it changes the event", "on_lookup:", func(f *fake) {
			f.hook = func(e *hostapi.Event) (*hostapi.Decision, error) { e.Topic += "x"; return nil, nil }
		}},

		{"closing fails", "close:", func(f *fake) { f.close = func() error { return errors.New("no") } }},
		{"closing twice fails", "close:", func(f *fake) {
			n := 0
			f.close = func() error {
				if n++; n > 1 {
					return errors.New("it is closed")
				}
				return nil
			}
		}},
		{"it answers when closed", "close:", func(f *fake) { f.openAfter = true }},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake()
			c.spoil(f)
			report := Check(context.Background(), f, Options{
				Symmetric: true, only: c.check,
			})
			if !failed(report, c.check) {
				t.Errorf("%q did not fail; what did is %q", c.check, failures(report))
			}
		})
	}
}

func normalizes(by func(string) (string, error)) func(*fake) {
	return func(f *fake) { f.normalize = by }
}

func featuring(by func([]string) [][]uint64) func(*fake) {
	return func(f *fake) {
		f.features = func(texts []string) ([][]uint64, error) { return by(texts), nil }
	}
}

func scores(by func(a, b string) float32) func(*fake) {
	return func(f *fake) { f.score = scoreEach(by) }
}

func failed(r *Report, check string) bool {
	return slices.ContainsFunc(r.Results, func(result Result) bool {
		return result.Status == Failed && strings.HasPrefix(result.Check, check)
	})
}

func failures(r *Report) []string {
	var names []string
	for _, result := range r.Results {
		if result.Status == Failed {
			names = append(names, result.Check)
		}
	}
	return names
}

// careless takes any bytes for a text.
type careless struct{ *fake }

func (c careless) Normalize(_ context.Context, text string) (string, error) { return c.normalize(text) }

func (c careless) Features(_ context.Context, texts []string) ([][]uint64, error) {
	return c.features(texts)
}

func (c careless) Score(_ context.Context, query string, candidates []string) ([]float32, error) {
	return c.score(query, candidates)
}

func TestCheck_CatchesAHostThatLetsBadTextThrough(t *testing.T) {
	report := Check(context.Background(), careless{newFake()}, Options{Host: true})
	for _, check := range []string{"normalize: what is no UTF-8", "features: what is no UTF-8", "score: what is no UTF-8"} {
		if !failed(report, check) {
			t.Errorf("%q did not fail; what did is %q", check, failures(report))
		}
	}
}

// talkative has a function for every role, and a manifest for one.
type talkative struct{ *fake }

func (talkative) Manifest() *hostapi.Manifest {
	return &hostapi.Manifest{Name: "a", Version: "1", Roles: []hostapi.Role{"normalize"}}
}

func TestCheck_CatchesAPluginThatAnswersInOtherRoles(t *testing.T) {
	if report := Check(context.Background(), talkative{newFake()}, Options{}); !failed(report, "roles:") {
		t.Errorf("what failed is %q", failures(report))
	}
}

// restless has another version each time it is asked.
type restless struct {
	*fake
	asked int
}

func (r *restless) Manifest() *hostapi.Manifest {
	r.asked++
	m := *r.manifest
	m.Version = fmt.Sprint(r.asked)
	return &m
}

func TestCheck_CatchesAManifestThatChanges(t *testing.T) {
	if report := Check(context.Background(), &restless{fake: newFake()}, Options{only: "manifest:"}); !failed(report, "manifest: it has not changed") {
		t.Errorf("what failed is %q", failures(report))
	}
}

func TestCheck_ComparesTwoInstances(t *testing.T) {
	other := newFake()
	other.normalize = func(text string) (string, error) { return strings.ToUpper(text), nil }
	other.features = func(texts []string) ([][]uint64, error) { return make([][]uint64, len(texts)), nil }
	other.score = scoreEach(func(a, b string) float32 { return 1 })
	report := Check(context.Background(), newFake(), Options{Again: func() (hostapi.Plugin, error) { return other, nil }})
	for _, role := range []string{"normalize", "features", "score"} {
		if !failed(report, role+": another instance") {
			t.Errorf("%s: two instances that differ pass", role)
		}
	}
	if !other.isClosed.Load() {
		t.Error("the second instance was left open")
	}
	report = Check(context.Background(), newFake(), Options{Again: func() (hostapi.Plugin, error) { return nil, errors.New("gone") }})
	if !failed(report, "normalize: another instance") {
		t.Error("a plugin that cannot be loaded again passes")
	}
}

func TestCheck_CatchesWrongAnswersToVectors(t *testing.T) {
	for _, line := range []string{
		`{"op":"normalize","text":"A","want":"A"}`,
		`{"op":"features","texts":["a"],"want":[[98]]}`,
		`{"op":"features","texts":["a"],"want":[[97],[97]]}`,
		`{"op":"score","query":"ab","candidates":["b"],"want":[0.51]}`,
		`{"op":"score","query":"ab","candidates":["b"],"want":["0.5"]}`,
		`{"op":"on_hit","event":{"hook":"on_hit","request":{"prompt":"a"}},"want":null}`,
		`{"op":"on_hit","event":{"hook":"on_hit","request":{"prompt":"a"}},"want":{"accept":false}}`,
		`{"op":"explain","query":"a","candidate":"b","want":{"verdict":"same","reason":""}}`,
	} {
		v, err := ReadVectors(strings.NewReader("\n" + line))
		if err != nil {
			t.Fatal(err)
		}
		report := Check(context.Background(), newFake(), Options{Vectors: v, only: "vectors"})
		if !failed(report, "vectors") {
			t.Errorf("%s passes", line)
			continue
		}
		for _, r := range report.Results {
			if r.Check == "vectors" && !strings.HasPrefix(r.Details[0], "line 2: ") {
				t.Errorf("%s: got %q, want the line", line, r.Details)
			}
		}
	}
}

func TestReadVectors_RefusesWhatIsNone(t *testing.T) {
	for line, want := range map[string]string{
		`{"op":"sing","want":1}`:                               `line 1: op is "sing", want a role or explain`,
		`{"op":"score"}`:                                       "line 1: there is no want",
		`{"op":"score","want":[],"text":1}`:                    "line 1: json: cannot unmarshal number",
		`{"op":"score","want":[],"score":1}`:                   `line 1: json: unknown field "score"`,
		`{"op":"on_hit","want":null}`:                          "line 1: op is on_hit, and there is no event of that hook",
		`{"op":"on_hit","want":{},"event":{"hook":"on_miss"}}`: "line 1: op is on_hit, and there is no event of that hook",
	} {
		if _, err := ReadVectors(strings.NewReader(line)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got error %v, want %q", line, err, want)
		}
	}
}

func FuzzReadVectors(f *testing.F) {
	f.Add(vectors())
	f.Fuzz(func(t *testing.T, text string) {
		v, err := ReadVectors(strings.NewReader(text))
		if err != nil {
			return
		}
		for i := range v {
			again, err := json.Marshal(v[i])
			if err != nil {
				t.Fatalf("%q: %+v cannot be written: %v", text, v[i], err)
			}
			if _, err := ReadVectors(strings.NewReader(string(again))); err != nil {
				t.Fatalf("%q: %s is written, but not read: %v", text, again, err)
			}
		}
	})
}

func TestTexts_AreWhatAPluginMayBeGiven(t *testing.T) {
	for seed := range uint64(50) {
		all := texts(rand.New(rand.NewPCG(seed, 0)))
		for _, text := range append(all, large()...) {
			if !utf8.ValidString(text) || text == "" || len(text) > hostapi.MaxText {
				t.Errorf("seed %d: %s is no text of 1 to %d bytes", seed, quote(text), hostapi.MaxText)
			}
		}
		if len(all) < len(fixed)+30 {
			t.Errorf("seed %d: only %d texts", seed, len(all))
		}
	}
	for _, text := range many(fixed) {
		if !utf8.ValidString(text) {
			t.Errorf("%q is no text", text)
		}
	}
	for _, text := range broken {
		if utf8.ValidString(text) {
			t.Errorf("%q is valid UTF-8", text)
		}
	}
}

func TestReport_SaysWhatFailed(t *testing.T) {
	f := newFake()
	f.manifest.Roles = []hostapi.Role{hostapi.RoleNormalize}
	f.manifest.Scorer = nil
	f.normalize = func(text string) (string, error) { return text + "x", nil }
	var b strings.Builder
	report := Check(context.Background(), f, Options{})
	if _, err := report.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), "score") {
		t.Errorf("the report is about roles the plugin has not:\n%s", b.String())
	}
	for _, want := range []string{
		"pass  manifest: it is whole\n",
		"FAIL  normalize: a normal form is its own normal form\n      \"a\": the normal form is \"ax\", and that of it \"axx\"\n",
		"skip  normalize: another instance says the same\n      there is no second instance to compare\n",
		"8 passed, 2 failed, 2 skipped\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, b.String())
		}
	}
}

// errorList is a T that keeps what it is told.
type errorList []string

func (e *errorList) Helper()                           {}
func (e *errorList) Errorf(format string, args ...any) { *e = append(*e, fmt.Sprintf(format, args...)) }

func TestRun_ReportsEachFailedCheckOnce(t *testing.T) {
	f := newFake()
	f.openAfter = true
	var got errorList
	Run(&got, f, Options{})
	if len(got) != 1 || !strings.HasPrefix(got[0], "close: a closed plugin says ErrClosed:\n\tnormalize after Close: got error <nil>") {
		t.Errorf("got %q", []string(got))
	}
}

func TestCheck_StopsWhenItsContextEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	report := Check(ctx, newFake(), Options{})
	if report.OK() || report.Count(Passed) > 0 {
		t.Errorf("got %+v, want every check to say that it was not run", report.Results[0])
	}
}
