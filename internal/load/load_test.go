package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"testing"
)

// startHere starts a subject in this process.
func startHere(t *testing.T) addresses {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	at, ended, err := startSubject(ctx, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return at
}

func TestLoad_EqualRequestsTakeOneInference(t *testing.T) {
	at := startHere(t)
	if n, err := askEqual(t.Context(), at, 200); err != nil || n != 1 {
		t.Errorf("%d inferences, %v", n, err)
	}
}

func TestLoad_StreamsAreOpenAtOnceAndEndWhole(t *testing.T) {
	at := startHere(t)
	if s, err := openStreams(t.Context(), at, 100); err != nil || s.peak != 100 || s.first(0.5) <= 0 {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestLoad_RequestsLeaveNothingBehind(t *testing.T) {
	at := startHere(t)
	some := func(n int) figures {
		t.Helper()
		err := together(8, func(worker int) error {
			for i := range n / 8 {
				if _, err := ask(t.Context(), at, fmt.Sprint("What is ", (worker+i)%10, " of ten?")); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		f, err := settled(t.Context(), at)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	n := 8000
	if text := os.Getenv("KVASIR_REQUESTS"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	before := some(800)
	after := some(n)
	t.Logf("before %+v, after %d requests %+v", before, n, after)
	if after.Goroutines > before.Goroutines+mostGoroutines || int64(after.Heap)-int64(before.Heap) > mostHeap || after.Inferences > 10 {
		t.Errorf("after 800 requests %+v, after %d more %+v", before, n, after)
	}
}
