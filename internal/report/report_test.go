package report

import (
	"bytes"
	"errors"
	"html/template"
	"strings"
	"testing"
)

func TestScale_MapsAndClips(t *testing.T) {
	up := Up(0, 10)
	for v, want := range map[float64]float64{0: Bottom, 10: Top, 5: (Top + Bottom) / 2, 12: Top, -1: Bottom} {
		if got := up.At(v); got != want {
			t.Errorf("%v: got %v, want %v", v, got, want)
		}
	}
	ticks := Across(0, 2).Ticks(2, func(v float64) string { return strings.Repeat("x", int(v)) })
	want := []Tick{{"52.0", ""}, {"244.0", "x"}, {"436.0", "xx"}}
	for i := range want {
		if ticks[i] != want[i] {
			t.Errorf("tick %d: got %v, want %v", i, ticks[i], want[i])
		}
	}
}

func TestRoundUp(t *testing.T) {
	for v, want := range map[float64]float64{0.011: 0.02, 0.05: 0.05, 1: 1, 3: 5, 7: 10, 120: 200, 600: 1000} {
		if got := RoundUp(v); got < want*0.999 || got > want*1.001 {
			t.Errorf("%v: got %v, want %v", v, got, want)
		}
	}
}

func TestBar_StandsOnTheAxis(t *testing.T) {
	if got, want := NewBar(First, 100, 200, 20, "x"), (Bar{First, "90.0", "200.0", "20.0", "16.0", "x"}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

// brokenWriter fails at its second write.
type brokenWriter struct{ writes int }

func (w *brokenWriter) Write(b []byte) (int, error) {
	if w.writes++; w.writes > 1 {
		return 0, errors.New("the disk is full")
	}
	return len(b), nil
}

func TestPrinter_KeepsTheFirstError(t *testing.T) {
	w := &brokenWriter{}
	p := &Printer{W: w}
	p.Printf("a")
	p.Table(func(t *Printer) { t.Printf("b\tc\n") })
	p.Printf("d")
	if p.Err == nil || w.writes != 2 {
		t.Errorf("error %v after %d writes, want that of the second", p.Err, w.writes)
	}
}

func TestPlain_IsOneShortLine(t *testing.T) {
	if got, want := Plain(" a\n\tb\x1b[31m\u0085 "), "a b\ufffd[31m"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := Plain(strings.Repeat("é", 500)); len([]rune(got)) != plainWidth+1 {
		t.Errorf("got %d characters, want %d and an ellipsis", len([]rune(got)), plainWidth)
	}
}

func TestPage_DrawsPlots(t *testing.T) {
	line := Line{Name: "l", Class: First}
	line.Go(52, 216)
	line.Go(60, 100)
	line.Mark(60, 100, "here")
	p := Plot{Title: "<t>", Lines: []Line{line}, Bars: []Bar{NewBar(Second, 80, 116, 10, "b")}}
	var b bytes.Buffer
	page := Page(`{{template "head" .Title}}{{template "plot" .}}{{double .X}}`, template.FuncMap{"double": func(x string) string { return x + x }})
	if err := page.Execute(&b, p); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"<title>&lt;t&gt;</title>", `<path class="first" d="M52.0 216.0 L60.0 100.0">`, "<title>here</title>",
		`<rect class="second" x="75.0" y="116.0" width="10.0" height="100.0">`} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the page has no %s:\n%s", want, b.String())
		}
	}
}
