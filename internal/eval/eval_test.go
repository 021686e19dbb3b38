package eval

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/kvasir-cache/kvasir/engine"
)

func runPairs(t *testing.T, guard engine.Scorer) *Result {
	t.Helper()
	r, err := RunPairs(t.Context(), strategy(guard), ownPairs(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func runStream(t *testing.T, guard engine.Scorer) *Result {
	t.Helper()
	r, err := RunStream(t.Context(), strategy(guard), ownStream(t), true, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func encode(t *testing.T, report *Report) []byte {
	t.Helper()
	content, err := json.MarshalIndent(report, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return append(content, '\n')
}

func TestRunPairs_Counts(t *testing.T) {
	r := runPairs(t, guardFunc(sameDigits))
	if r.Pairs != 8 || r.Same != 4 || r.Different != 4 || r.Served != 5 || r.Kept != 3 || r.FalseHits != 2 {
		t.Errorf("got %+v, %+v", r.PairCounts, r)
	}
	if k := r.ByKind["trap:number"]; k.FalseHits != 0 || k.Different != 1 {
		t.Errorf("the guard sees numbers: got %+v", k)
	}
	if k := r.ByKind["trap:name"]; k.FalseHits != 1 || k.Served != 1 {
		t.Errorf("the guard sees no names: got %+v", k)
	}
	if len(r.Missed) != 1 || r.Missed[0].Line != 7 || !strings.Contains(r.Missed[0].Why, "less than the floor of 0.60") {
		t.Errorf("missed: got %+v", r.Missed)
	}
}

// At the floor of the strategy the curve with the guard is what the strategy does.
func TestRunPairs_CurvesAgreeWithTheCounts(t *testing.T) {
	for name, guard := range map[string]engine.Scorer{"guard": guardFunc(sameDigits), "none": nil} {
		r := runPairs(t, guard)
		points, at := r.Curves.Score, 0.9 // the threshold is for the score
		if guard != nil {
			points, at = r.Curves.Guard, 0.6
		}
		p, ok := r.at(points, at)
		if !ok || p.Served != r.Served || p.FalseHits != r.FalseHits {
			t.Errorf("%s: got %+v, want served %d, false hits %d", name, p, r.Served, r.FalseHits)
		}
		if all, _ := r.at(r.Curves.Score, 0); all.Served != r.Pairs {
			t.Errorf("%s: from 0 on everything is served: got %+v", name, all)
		}
	}
}

func TestRunStream_Counts(t *testing.T) {
	r := runStream(t, guardFunc(sameDigits))
	if r.Requests != 13 || r.IdealHits != 5 || r.Unknown != 3 || r.Exact != 3 || r.Hits != r.Served {
		t.Errorf("got %+v", r.StreamCounts)
	}
	var wrong []int
	for _, e := range r.Wrong {
		wrong = append(wrong, e.Line)
	}
	if r.FalseHits != len(wrong) || len(wrong) != 3 || wrong[0] != 4 || wrong[1] != 9 || wrong[2] != 12 {
		t.Errorf("false hits: got lines %v, want 4, 9 and 12, which is alike but of no known group", wrong)
	}
	if r.Wrong[0].Stored != "What is the capital of Niger?" {
		t.Errorf("stored: got %q", r.Wrong[0].Stored)
	}
	if len(r.Missed) != 1 || r.Missed[0].Line != 7 || r.Missed[0].Stored != "Convert 20 miles to km" {
		t.Errorf("missed: got %+v", r.Missed)
	}
}

func TestRunStream_CurvesAgreeWithTheCounts(t *testing.T) {
	r := runStream(t, guardFunc(sameDigits))
	p, ok := r.at(r.Curves.Guard, 0.6)
	if !ok || p.Served != r.Served || p.FalseHits != r.FalseHits {
		t.Errorf("got %+v, want served %d, false hits %d", p, r.Served, r.FalseHits)
	}
	if alone, _ := r.at(r.Curves.Score, 0.6); alone.FalseHits <= p.FalseHits {
		t.Errorf("the number traps get through without the guard: got %+v", alone)
	}
	if none, err := RunStream(t.Context(), strategy(nil), ownStream(t), false, nil); err != nil || len(none.Curves.Score) > 0 {
		t.Errorf("without curves: got %+v, %v", none.Curves, err)
	}
}

// A guard that fails serves nothing; the report says so and the gate does not pass.
func TestFailures_AreCountedAndBreakTheGate(t *testing.T) {
	failing := guardFunc(func(string, string) (bool, error) { return false, errors.New("the guard is ill") })
	for _, r := range []*Result{runPairs(t, failing), runStream(t, failing)} {
		if r.Failures == 0 || !strings.Contains(r.Failure, "the guard is ill") || r.FalseHits > 0 {
			t.Errorf("got %d failures, %q, %d false hits", r.Failures, r.Failure, r.FalseHits)
		}
		report := &Report{Strategies: []*Result{r}}
		if g := report.Hold(1); g.Passed || !strings.Contains(g.Broken[0], "could not be judged") {
			t.Errorf("gate: got %+v", g)
		}
	}
}

func TestRun_EndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := RunPairs(ctx, strategy(nil), ownPairs(t), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("pairs: got %v", err)
	}
	if _, err := RunStream(ctx, strategy(nil), ownStream(t), true, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("stream: got %v", err)
	}
}

func TestHold(t *testing.T) {
	result := func(wrong, served int) *Result {
		r := &Result{Name: "mine", PairCounts: &PairCounts{}, Served: served, FalseHits: wrong}
		r.finish(nil)
		return r
	}
	for _, c := range []struct {
		wrong, served int
		passes        bool
		says          string
	}{
		{0, 299, true, ""},
		{0, 0, true, "0 of 0 hits are wrong, –, and by the 95 % upper bound up to 100.00 %; the limit is 1.00 %; more data"},
		{1, 100, true, "1 of 100 hits are wrong, 1.00 %, and by the 95 % upper bound up to 4.66 %"},
		{2, 100, false, "2 of 100 hits are wrong, 2.00 %, and by the 95 % upper bound up to 6.16 %; the limit is 1.00 %"},
	} {
		report := &Report{Strategies: []*Result{result(c.wrong, c.served)}}
		g := report.Hold(0.01)
		if said := strings.Join(append(g.Broken, g.Notes...), "\n"); g.Passed != c.passes || !strings.Contains(said, c.says) || (said == "") != (c.says == "") {
			t.Errorf("%d of %d: got %+v, want passed %t and %q", c.wrong, c.served, g, c.passes, c.says)
		}
	}
}

func TestParseLimit(t *testing.T) {
	for text, want := range map[string]Rate{"1%": 0.01, "0.01": 0.01, " 2.5 % ": 0.025, "0": 0, "100%": 1, "1": 1} {
		if got, err := ParseLimit(text); err != nil || got != want {
			t.Errorf("%q: got %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "%", "-1%", "2", "101%", "NaN", "one"} {
		if got, err := ParseLimit(text); err == nil {
			t.Errorf("%q: got %v, want an error", text, got)
		}
	}
}

func TestReport_Golden(t *testing.T) {
	alone := runPairs(t, nil)
	alone.Name = "alone"
	pairs := &Report{Data: "pairs.tsv", Strategies: []*Result{runPairs(t, guardFunc(sameDigits)), alone}}
	pairs.Hold(0.01)
	stream := &Report{Data: "stream.jsonl", Strategies: []*Result{runStream(t, guardFunc(sameDigits))}}
	for name, r := range map[string]*Report{"pairs": pairs, "stream": stream} {
		golden(t, name+".json", encode(t, r))
		for kind, write := range map[string]func(*bytes.Buffer) error{
			".txt": func(b *bytes.Buffer) error { return r.WriteText(b) },
			".csv": func(b *bytes.Buffer) error { return r.WriteCSV(b) },
		} {
			var b bytes.Buffer
			if err := write(&b); err != nil {
				t.Fatal(err)
			}
			golden(t, name+kind, b.Bytes())
		}
	}
}

func TestWriteCSV_MakesNoFormulas(t *testing.T) {
	r := runPairs(t, nil)
	r.ByKind["=1+1"] = &Kind{PairKind: &PairKind{}}
	var b bytes.Buffer
	if err := (&Report{Data: "x", Strategies: []*Result{r}}).WriteCSV(&b); err != nil || !strings.Contains(b.String(), ",'=1+1,") {
		t.Errorf("got %v\n%s", err, b.String())
	}
}
