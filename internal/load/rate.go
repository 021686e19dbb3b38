package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// round is what the generator says of one round.
type round struct {
	Latencies struct {
		P50 time.Duration `json:"50th"`
		P99 time.Duration `json:"99th"`
		Max time.Duration `json:"max"`
	} `json:"latencies"`
	Requests int      `json:"requests"`
	Rate     float64  `json:"rate"`
	Success  float64  `json:"success"`
	Errors   []string `json:"errors"`

	cpu float64 // of the generator, in processors
}

// rates are all rounds, and the subject's figures before, after the first and after the last of them.
type rates struct {
	pair
	wanted      int
	first, last figures
}

// mostAbove is how much slower than the control the server may be in the slowest of a hundred, and mostGrowth
// how much memory and how many goroutines a hundred thousand requests may leave behind.
const (
	mostAbove      = 5 * time.Millisecond
	mostHeap       = 8 << 20 // bytes
	mostGoroutines = 20
)

// samePrompt is asked again and again.
const samePrompt = "What is asked again and again?"

// rates has stored answers asked at a rate, of the control and of the server in turn.
func (o *options) rates(ctx context.Context, at addresses) (*rates, error) {
	if _, err := storedOnce(ctx, at); err != nil {
		return nil, err
	}
	r := &rates{wanted: o.rate}
	for i := range o.rounds {
		err := r.turn(ctx, o, at)
		if err != nil {
			return nil, err
		}
		if r.last, err = settled(ctx, at); err != nil {
			return nil, err
		}
		if i == 0 {
			r.first = r.last
		}
	}
	return r, nil
}

func tellControl(ctx context.Context, at addresses, same []byte) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPut, at.Control+"/same", bytes.NewReader(same))
	if err != nil {
		return err
	}
	answer, err := client.Do(r)
	if err != nil {
		return err
	}
	return answer.Body.Close()
}

// attack runs the generator for one round.
func (o *options) attack(ctx context.Context, url, body string) (*round, error) {
	dir, err := os.MkdirTemp("", "kvasir-load-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	results, target := filepath.Join(dir, "results"), filepath.Join(dir, "body")
	if err := os.WriteFile(target, []byte(body), 0o600); err != nil {
		return nil, err
	}
	command := strings.Fields(o.vegeta)
	cmd := exec.CommandContext(ctx, command[0], append(command[1:], "attack", "-rate", fmt.Sprint(o.rate), "-duration", o.seconds.String(),
		"-body", target, "-header", "Content-Type: application/json", "-timeout", "10s", "-output", results)...)
	cmd.Stdin, cmd.Stderr = strings.NewReader("POST "+url+"\n"), os.Stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("the generator: %w", err)
	}
	report := exec.CommandContext(ctx, command[0], append(command[1:], "report", "-type", "json", results)...)
	text, err := report.Output()
	if err != nil {
		return nil, fmt.Errorf("the generator's report: %w", err)
	}
	r := &round{cpu: (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds() / o.seconds.Seconds()}
	return r, json.Unmarshal(text, r)
}

// median of what f says of rounds.
func median(list []round, f func(*round) float64) float64 {
	var values []float64
	for i := range list {
		values = append(values, f(&list[i]))
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// above returns how much slower than the control the server was in the slowest of a hundred, the median of the rounds.
func (r *rates) above() time.Duration {
	var list []time.Duration
	for i := range r.server {
		list = append(list, r.server[i].Latencies.P99-r.control[i].Latencies.P99)
	}
	slices.Sort(list)
	return list[len(list)/2]
}

func (r *rates) String() string {
	var b strings.Builder
	b.WriteString(r.text(""))
	requests := 0
	for i := range r.server {
		requests += r.server[i].Requests
	}
	fmt.Fprintf(&b, "above the control: p99 %v, median of %d rounds\n", r.above().Round(10*time.Microsecond), len(r.server))
	fmt.Fprintf(&b, "after %d requests: %d goroutines and %.1f MiB of heap; after the first round %d and %.1f\n", requests,
		r.last.Goroutines, mebi(r.last.Heap), r.first.Goroutines, mebi(r.first.Heap))
	return b.String()
}

func mebi(n uint64) float64 { return float64(n) / (1 << 20) }

// check says what does not hold that is promised.
func (r *rates) check() error {
	var errs []error
	if rate := median(r.control, func(x *round) float64 { return x.Rate }); rate < 0.98*float64(r.wanted) {
		return fmt.Errorf("the control came to %.0f of %d requests/s, so this machine is too busy or too slow to tell; -rate asks for fewer", rate, r.wanted)
	}
	for _, one := range r.server {
		if one.Success < 1 || one.Rate < 0.98*float64(r.wanted) {
			errs = append(errs, fmt.Errorf("%.2f %% of %.0f requests/s were answered, want all of %d: %q", 100*one.Success, one.Rate, r.wanted, one.Errors))
		}
	}
	if above := r.above(); above > mostAbove {
		errs = append(errs, fmt.Errorf("stored answers take %v longer than the control at the 99th percentile, want at most %v", above, mostAbove))
	}
	if grown := int64(r.last.Heap) - int64(r.first.Heap); grown > mostHeap || r.last.Goroutines > r.first.Goroutines+mostGoroutines {
		errs = append(errs, fmt.Errorf("%d goroutines and %d bytes of heap more than after the first round", r.last.Goroutines-r.first.Goroutines, grown))
	}
	return errors.Join(errs...)
}
