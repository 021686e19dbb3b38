package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// mostBeside is how long the slowest of a hundred stored answers may take while the model works.
const mostBeside = 20 * time.Millisecond

// beside are rounds while one inference keeps all processors busy.
type beside struct{ pair }

// besideWork has stored answers asked at a rate, of the control and of the server in turn, while one inference works. That
// has to work from the first to the last of them, and to be the only one.
func (o *options) besideWork(ctx context.Context, at addresses) (b *beside, err error) {
	slower := *o
	slower.rate, b = o.beside, &beside{}
	err = duringWork(ctx, at, func() error {
		for range o.rounds {
			if err := b.turn(ctx, &slower, at); err != nil {
				return err
			}
		}
		return nil
	})
	return b, err
}

// duringWork does something while an inference works.
func duringWork(ctx context.Context, at addresses, do func() error) error {
	before, err := storedOnce(ctx, at)
	if err != nil {
		return err
	}
	working, leave := context.WithCancel(ctx)
	left := make(chan struct{})
	go func() {
		defer close(left)
		_, _ = ask(working, at, hardPrompt+time.Now().String()) // it is left, not answered
	}()
	defer func() {
		leave()
		<-left
	}()
	if err := works(ctx, at); err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	after, err := figuresOf(ctx, at)
	if made := after.Inferences - before.Inferences; err == nil && (made != 1 || after.Running != 1) {
		return fmt.Errorf("while one inference was to work there were %d, and %d still work", made, after.Running)
	}
	return err
}

// storedOnce has the answer of samePrompt stored, and returns the figures then.
func storedOnce(ctx context.Context, at addresses) (f figures, err error) {
	if _, err = ask(ctx, at, samePrompt); err != nil {
		return f, err
	}
	same, err := ask(ctx, at, samePrompt)
	if err != nil {
		return f, err
	}
	if err := tellControl(ctx, at, same); err != nil {
		return f, err
	}
	return figuresOf(ctx, at)
}

// works waits until an inference works.
func works(ctx context.Context, at addresses) error {
	for until := time.Now().Add(10 * time.Second); time.Now().Before(until); time.Sleep(10 * time.Millisecond) {
		if f, err := figuresOf(ctx, at); err != nil || f.Running == 1 {
			return err
		}
	}
	return errors.New("no inference began")
}

func p99Of(list []round) time.Duration {
	return time.Duration(median(list, func(x *round) float64 { return float64(x.Latencies.P99) }))
}

func (b *beside) String() string { return b.text(" while the model works") }

// check says what does not hold that is promised.
func (b *beside) check() error {
	if control := p99Of(b.control); control > mostBeside {
		return fmt.Errorf("while the model works the control itself takes %v at the 99th percentile, so this machine is too busy to tell", control)
	}
	for _, one := range b.server {
		if one.Success < 1 {
			return fmt.Errorf("while the model works %.2f %% of stored answers came, want all: %q", 100*one.Success, one.Errors)
		}
	}
	if p99 := p99Of(b.server); p99 > mostBeside {
		return fmt.Errorf("while the model works stored answers take %v at the 99th percentile, want at most %v", p99, mostBeside)
	}
	return nil
}
