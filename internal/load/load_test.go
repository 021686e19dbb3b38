package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"
)

// TestMain lets the test binary be what works.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == workerRole {
		workHard(os.Stdin)
		return
	}
	os.Exit(m.Run())
}

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

// Stored answers come while an inference works, and are not inferred. How quickly they come make load says.
func TestLoad_StoredAnswersComeWhileTheModelWorks(t *testing.T) {
	at := startHere(t)
	err := duringWork(t.Context(), at, func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		for range 50 {
			if _, err := ask(ctx, at, samePrompt); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	for until := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) { // nothing works on
		f, err := figuresOf(t.Context(), at)
		if err == nil && f.Running == 0 {
			break
		}
		if err != nil || time.Now().After(until) {
			t.Fatalf("%+v, %v", f, err)
		}
	}
	err = duringWork(t.Context(), at, func() error {
		_, err := ask(t.Context(), at, "something else")
		return err
	})
	if err == nil {
		t.Error("a second inference was not noticed")
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
