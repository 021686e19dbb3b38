package main

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// pair are rounds of stored answers, of the control and of the server in turn.
type pair struct{ control, server []round }

// turn adds a round of each.
func (p *pair) turn(ctx context.Context, o *options, at addresses) error {
	for _, one := range []struct {
		url string
		to  *[]round
	}{{at.Control, &p.control}, {at.API, &p.server}} {
		made, err := o.attack(ctx, one.url+chatPath, bodyOf(samePrompt, false))
		if err != nil {
			return err
		}
		*one.to = append(*one.to, *made)
	}
	return nil
}

// text says what the rounds were, of which about says when they were.
func (p *pair) text(about string) string {
	var b strings.Builder
	for _, one := range []struct {
		name   string
		rounds []round
	}{{"control", p.control}, {"kvasir ", p.server}} {
		ms := func(f func(*round) time.Duration) float64 {
			return median(one.rounds, func(x *round) float64 { return float64(f(x).Microseconds()) / 1000 })
		}
		fmt.Fprintf(&b, "%s%s: %.0f requests/s, success %.2f %%, p50 %.2f ms, p99 %.2f ms, max %.1f ms, generator %.2f processors\n", one.name, about,
			median(one.rounds, func(x *round) float64 { return x.Rate }), 100*median(one.rounds, func(x *round) float64 { return x.Success }),
			ms(func(x *round) time.Duration { return x.Latencies.P50 }), ms(func(x *round) time.Duration { return x.Latencies.P99 }),
			ms(func(x *round) time.Duration { return x.Latencies.Max }), median(one.rounds, func(x *round) float64 { return x.cpu }))
	}
	return b.String()
}
