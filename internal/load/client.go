package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

const chatPath = "/v1/chat/completions"

// client keeps as many connections as there are requests.
var client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 4096}}

func bodyOf(prompt string, stream bool) string {
	return fmt.Sprintf(`{"model":"any","messages":[{"role":"user","content":%q}],"stream":%t}`, prompt, stream)
}

// post asks, and returns the answer, which the caller closes.
func post(ctx context.Context, at addresses, body string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, at.API+chatPath, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := client.Do(r)
	if err == nil && answer.StatusCode != http.StatusOK {
		answer.Body.Close()
		return nil, fmt.Errorf("the server answered with %s", answer.Status)
	}
	return answer, err
}

// ask returns the whole answer to a prompt.
func ask(ctx context.Context, at addresses, prompt string) ([]byte, error) {
	answer, err := post(ctx, at, bodyOf(prompt, false))
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	return io.ReadAll(answer.Body)
}

func figuresOf(ctx context.Context, at addresses) (f figures, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at.Control+"/figures", nil)
	if err != nil {
		return f, err
	}
	answer, err := client.Do(r)
	if err != nil {
		return f, err
	}
	defer answer.Body.Close()
	return f, json.NewDecoder(answer.Body).Decode(&f)
}

// settled returns figures when the connections of those who left are gone.
func settled(ctx context.Context, at addresses) (figures, error) {
	client.CloseIdleConnections()
	time.Sleep(time.Second)
	return figuresOf(ctx, at)
}

// together does n things at once and joins their errors.
func together(n int, do func(i int) error) error {
	var all sync.WaitGroup
	errs := make([]error, n)
	begin := make(chan struct{})
	for i := range n {
		all.Go(func() {
			<-begin
			errs[i] = do(i)
		})
	}
	close(begin)
	all.Wait()
	return errors.Join(errs...)
}

// askEqual asks the same n times at once, and returns how many inferences that took.
func askEqual(ctx context.Context, at addresses, n int) (int64, error) {
	before, err := figuresOf(ctx, at)
	if err != nil {
		return 0, err
	}
	prompt := slowPrompt + "and equal " + time.Now().String()
	err = together(n, func(int) error {
		_, err := ask(ctx, at, prompt)
		return err
	})
	if err != nil {
		return 0, err
	}
	after, err := figuresOf(ctx, at)
	if made := after.Inferences - before.Inferences; err == nil && made != 1 {
		return made, fmt.Errorf("%d equal requests at once took %d inferences, want 1", n, made)
	}
	return 1, err
}

// streams are streams that were open at once.
type streams struct {
	peak   int64
	firsts []time.Duration // that each took to its first piece, sorted
}

func (s *streams) first(q float64) time.Duration {
	return s.firsts[int(q*float64(len(s.firsts)-1))].Round(100 * time.Microsecond)
}

// openStreams opens n streams of different prompts, all of which have to end whole.
func openStreams(ctx context.Context, at addresses, n int) (*streams, error) {
	s := &streams{firsts: make([]time.Duration, n)}
	mark := time.Now().String()
	err := together(n, func(i int) (err error) {
		s.firsts[i], err = readStream(ctx, at, fmt.Sprintf("%sand different %d %s", slowPrompt, i, mark))
		return err
	})
	if err != nil {
		return nil, err
	}
	slices.Sort(s.firsts)
	f, err := figuresOf(ctx, at)
	if s.peak = f.Peak; err == nil && s.peak < int64(n) {
		return nil, fmt.Errorf("at most %d of %d streams were open at once", s.peak, n)
	}
	return s, err
}

func readStream(ctx context.Context, at addresses, prompt string) (first time.Duration, err error) {
	began := time.Now()
	answer, err := post(ctx, at, bodyOf(prompt, true))
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	pieces, done := 0, false
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		if strings.Contains(lines.Text(), "This is piece") {
			if pieces++; pieces == 1 {
				first = time.Since(began)
			}
		}
		done = done || lines.Text() == "data: [DONE]"
	}
	if !done || pieces < slowPieces {
		return 0, fmt.Errorf("a stream ended after %d of %d pieces", pieces, slowPieces)
	}
	return first, nil
}
