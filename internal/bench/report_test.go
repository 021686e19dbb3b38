package bench

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"regexp"
	"strings"
	"testing"

	"github.com/kvasir-cache/kvasir/internal/eval"
)

func TestReport_Text(t *testing.T) {
	r := littleReport(t)
	r.Hold(Limits{MinSaving: 0.3, MaxFalseHits: 0.01})
	var b bytes.Buffer
	if err := r.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	golden(t, "little.txt", b.Bytes())
}

func TestReport_JSON(t *testing.T) {
	b, err := json.MarshalIndent(littleReport(t), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "little.json", append(b, '\n'))
}

func TestGate(t *testing.T) {
	unknown := eval.Rate(math.NaN())
	for _, tt := range []struct {
		name   string
		limits Limits
		passed bool
		says   string
	}{
		{"enough", Limits{0.5, unknown}, true, ""},
		{"too little", Limits{0.6, unknown}, false, "the cache saves 57.80 % of the time, between"},
		{"enough by chance", Limits{0.57, unknown}, true, "more requests would show whether it stays above"},
		{"wrong", Limits{unknown, 0.01}, false, "1 of 6 hits are wrong, 16.67 %, and by the 95 % upper bound up to 58.18 %; the limit is 1.00 %"},
		{"seldom wrong by chance", Limits{unknown, 0.2}, true, "more requests would show whether it stays below"},
		{"may be wrong", Limits{unknown, 0.9}, true, ""},
	} {
		r := littleReport(t)
		if tt.name == "enough" || tt.name == "enough by chance" {
			r.SavingLow = 0.55
		}
		g := r.Hold(tt.limits)
		said := strings.Join(append(g.Broken, g.Notes...), "\n")
		if g.Passed != tt.passed || !strings.Contains(said, tt.says) || tt.says == "" && said != "" {
			t.Errorf("%s: passed %t, says %q", tt.name, g.Passed, said)
		}
	}
	if g := new(Repeat).Report(littleSetup).Hold(Limits{unknown, 0.01}); g.Passed {
		t.Error("a run that measured nothing passed")
	}
}

func pageOf(t *testing.T, r *Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := r.WriteHTML(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestWriteHTML_ShowsWhatWasMeasured(t *testing.T) {
	r := littleReport(t)
	r.Hold(Limits{MinSaving: 0.9, MaxFalseHits: 0.5})
	page := pageOf(t, r)
	for _, want := range []string{"<strong>57.80 %</strong>", "1 of 6 hits are wrong", "not passed", "beta (not)", "False hits, 1 of 1",
		`<path class="first" d="M52.0 216.0 L`, `<path class="second" d="M52.0 216.0 L`, `<rect class="second" x="`,
		"repeat, with it: median 1.00 ms, p95 1.00 ms", "(none)"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %s", want)
		}
	}
}

var outside = regexp.MustCompile(`(?i)https?:|\bsrc=|\bhref=|url\(|@import|<script|<link`)

// Texts of the data are shown as they are, and the page loads nothing, is well-formed and not long.
func TestWriteHTML_EscapesAndBounds(t *testing.T) {
	r := littleReport(t)
	hostile := `</td><script src="https://x">alert(1)</script>"'` + strings.Repeat("x", 100_000)
	wrong := r.samples[6]
	wrong.Asked.Prompt, wrong.Asked.Kind, wrong.Stored, wrong.Cached.Reason = hostile, hostile, hostile, hostile
	for range 1000 {
		r.samples = append(r.samples, wrong)
	}
	r.Data, r.Failure, r.Failures = hostile[:60], hostile, 1
	r.ByKind = r.parts(func(s *Sample) string { return s.Asked.Kind })
	r.Hold(Limits{})
	page := pageOf(t, r)
	if strings.Contains(page, "<script") || len(page) > 2<<20 {
		t.Errorf("a text of the data became markup, or the page is long: %d bytes", len(page))
	}
	wellFormed(t, page)
	empty := pageOf(t, new(Repeat).Report(littleSetup))
	wellFormed(t, empty)
	if found := outside.FindString(pageOf(t, littleReport(t))); found != "" {
		t.Errorf("the page has %q", found)
	}
}

// wellFormed makes sure that every tag is closed where it has to be.
func wellFormed(t *testing.T, page string) {
	t.Helper()
	page = strings.TrimPrefix(page, "<!DOCTYPE html>")
	page = strings.ReplaceAll(page, "<details open>", "<details>")
	page = regexp.MustCompile(`<(meta|br)([^>]*)>`).ReplaceAllString(page, "<$1$2/>")
	for d := xml.NewDecoder(strings.NewReader(page)); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func TestDuration(t *testing.T) {
	for ms, want := range map[float64]string{0.25: "0.25 ms", 9.5: "9.50 ms", 641.3: "641 ms", 1500: "1.50 s", 123456: "123 s"} {
		if got := duration(ms); got != want {
			t.Errorf("%v: got %q, want %q", ms, got, want)
		}
	}
}

func TestTimeTick(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 0.0375: "37.5 ms", 1.25: "1.25 s", 1000: "1000 s", 20000: "20000 s"} {
		if got := timeTick(v); got != want {
			t.Errorf("%v: got %q, want %q", v, got, want)
		}
	}
}
