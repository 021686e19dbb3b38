package prochost

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/hostapi"
)

func newTalk() (*talk, *strings.Builder, *manualClock) {
	var log strings.Builder
	clock := newManualClock()
	return &talk{logger: slog.New(slog.NewTextHandler(&log, nil)), clock: clock}, &log, clock
}

func TestTalk_IsHeldToItsRate(t *testing.T) {
	w, log, clock := newTalk()
	for i := range 1000 {
		fmt.Fprintf(w, "line %d\n", i)
	}
	if n := strings.Count(log.String(), "program says"); n != talkBurst {
		t.Errorf("%d lines of a flood are logged; want %d", n, talkBurst)
	}
	log.Reset()
	clock.advance(time.Second)
	for i := range 1000 {
		fmt.Fprintf(w, "line %d\n", i)
	}
	if n := strings.Count(log.String(), "program says"); n != int(time.Second/talkEvery) {
		t.Errorf("%d lines a second later; want %d", n, time.Second/talkEvery)
	}
	if n := strings.Count(log.String(), "lines_left_out=950"); n != 1 {
		t.Errorf("the log says %d times how many lines are missing: %s", n, log)
	}
}

func TestTalk_CutsLongLines(t *testing.T) {
	w, log, _ := newTalk()
	fmt.Fprintln(w, strings.Repeat("é", hostapi.MaxMessage))
	if n := strings.Count(log.String(), "é"); n != hostapi.MaxMessage/2 {
		t.Errorf("%d characters are logged; want %d", n, hostapi.MaxMessage/2)
	}
}

func TestLines_KeepStreamsApart(t *testing.T) {
	var b strings.Builder
	out, err := &lines{to: &b}, &lines{to: &b}
	fmt.Fprint(out, "one ")
	fmt.Fprint(err, "two\nthree\nfo")
	fmt.Fprint(out, "line\n")
	fmt.Fprint(err, "ur\n")
	if want := "two\nthree\none line\nfour\n"; b.String() != want {
		t.Errorf("log %q; want %q", b.String(), want)
	}
	b.Reset()
	fmt.Fprint(out, strings.Repeat("x", maxWritten))
	if b.Len() != maxWritten+1 {
		t.Errorf("%d bytes of an endless line are passed on; want %d", b.Len(), maxWritten+1)
	}
}
