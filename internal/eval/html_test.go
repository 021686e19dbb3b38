package eval

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"
)

func pageOf(t *testing.T, r *Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := r.WriteHTML(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestWriteHTML_ShowsWhatWasMeasured(t *testing.T) {
	r := &Report{Data: "pairs.tsv", Strategies: []*Result{runPairs(t, guardFunc(sameDigits))}}
	r.Hold(0.01)
	page := pageOf(t, r)
	for _, want := range []string{"<td>default</td>", "40.00 %", "Not passed", "trap:number", "Nigeria", "False hits, 2 of 2",
		`<path class="second" d="M`, `<path class="first" d="M`, "prefers-color-scheme: dark", "width=device-width"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %s", want)
		}
	}
	stream := pageOf(t, &Report{Data: "stream.jsonl", Strategies: []*Result{runStream(t, nil)}})
	if !strings.Contains(stream, `<circle class="first"`) || strings.Contains(stream, "with the guard") {
		t.Error("the page of a strategy without a guard has no dots, or a curve of the guard")
	}
}

var outside = regexp.MustCompile(`(?i)https?:|\bsrc=|\bhref=|url\(|@import|<script|<link`)

func TestWriteHTML_LoadsNothing(t *testing.T) {
	page := pageOf(t, &Report{Data: "pairs.tsv", Strategies: []*Result{runPairs(t, nil)}})
	if found := outside.FindString(page); found != "" {
		t.Errorf("the page has %q", found)
	}
}

// Texts of the data are shown as they are, and no longer than they need to be.
func TestWriteHTML_EscapesAndBounds(t *testing.T) {
	r := runPairs(t, nil)
	hostile := `</blockquote><script>alert(1)</script>"'` + strings.Repeat("x", 100_000)
	for range 1000 {
		r.addWrong(Example{Line: 1, Kind: hostile, Stored: hostile, Asked: hostile, Why: hostile})
	}
	r.ByKind[hostile] = &Kind{PairKind: &PairKind{}}
	r.Name = hostile[:60]
	page := pageOf(t, &Report{Data: hostile[:60], Strategies: []*Result{r}})
	if strings.Contains(page, "<script") || strings.Contains(page, hostile[:30]) {
		t.Error("a text of the data became markup")
	}
	if len(page) > 2<<20 {
		t.Errorf("the page has %d bytes", len(page))
	}
}

// Every tag is closed where it has to be.
func TestWriteHTML_IsWellFormed(t *testing.T) {
	r := &Report{Data: "pairs.tsv", Strategies: []*Result{runPairs(t, guardFunc(sameDigits)), runPairs(t, nil)}}
	page := strings.TrimPrefix(pageOf(t, r), "<!DOCTYPE html>")
	page = strings.Replace(page, "<details open>", "<details>", -1)
	page = regexp.MustCompile(`<(meta|br)([^>]*)>`).ReplaceAllString(page, "<$1$2/>")
	for d := xml.NewDecoder(strings.NewReader(page)); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func TestRoundUp(t *testing.T) {
	for v, want := range map[float64]float64{0: 0.01, 0.011: 0.02, 0.05: 0.05, 0.21: 0.5, 0.7: 1, 1: 1} {
		if got := roundUp(v); got != want {
			t.Errorf("%v: got %v, want %v", v, got, want)
		}
	}
}
