package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kvasir-cache/kvasir/hostapi"
	"github.com/kvasir-cache/kvasir/hostapi/conformance"
	"github.com/kvasir-cache/kvasir/internal/plugin"
)

// benchOutput is what kvasir plugin bench --json prints. Times are medians.
type benchOutput struct {
	Plugin  string             `json:"plugin"`
	LoadMS  float64            `json:"load_ms"`
	Calls   []callOutput       `json:"calls"`
	Metrics map[string]float64 `json:"metrics,omitempty"`
}

type callOutput struct {
	Call   string  `json:"call"`
	Micros float64 `json:"us"`
}

func newPluginBench(s streams) *cobra.Command {
	cmd, _ := pluginCommand(s, "bench", "Measure what the calls of a plugin cost",
		`Bench loads a plugin and calls it in each of its roles for a while, from one goroutine. It prints the
median time of a call, and what the runtime counted meanwhile. Compare figures of one run with each other:
machines differ, and so do moments.`,
		func(ctx context.Context, l *onePlugin, asJSON bool) error { return l.bench(ctx, asJSON) })
	return cmd
}

func (l *onePlugin) bench(ctx context.Context, asJSON bool) error {
	began := time.Now()
	p, err := l.load(ctx)
	if err != nil {
		return err
	}
	defer p.Close()
	out := benchOutput{Plugin: l.name, LoadMS: milliseconds(time.Since(began))}
	for _, c := range benchCalls(p) {
		took, err := medianOf(ctx, c.call)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		out.Calls = append(out.Calls, callOutput{c.name, float64(took.Nanoseconds()) / 1000})
	}
	if metered, ok := p.(plugin.Metered); ok {
		out.Metrics = metered.Metrics()
	}
	if asJSON {
		return json.NewEncoder(l.out).Encode(out)
	}
	fmt.Fprintf(l.out, "%-34s %10.1f ms\n", "load", out.LoadMS)
	for _, c := range out.Calls {
		fmt.Fprintf(l.out, "%-34s %10.2f us\n", c.Call, c.Micros)
	}
	for _, name := range slices.Sorted(maps.Keys(out.Metrics)) {
		fmt.Fprintf(l.out, "%-34s %10.0f\n", name, out.Metrics[name])
	}
	return nil
}

// benchCall is something to measure.
type benchCall struct {
	name string
	call func(ctx context.Context) error
}

// benchCalls are calls in each role of p, on texts as prompts are.
func benchCalls(p hostapi.Plugin) []benchCall {
	const sentence = "Please tell me, what is the capital of Niger and how many people live there? "
	short, long := strings.Repeat(sentence, 3)[:200], strings.Repeat(sentence, 60)[:4096]
	candidates := make([]string, hostapi.MaxCandidates)
	for i := range candidates {
		candidates[i] = fmt.Sprintf("%s%d", sentence[:50+i%20], i)
	}
	calls := map[hostapi.Role][]benchCall{
		hostapi.RoleNormalize: {
			{"normalize, 200 bytes", func(ctx context.Context) error { _, err := p.Normalize(ctx, short); return err }},
			{"normalize, 4096 bytes", func(ctx context.Context) error { _, err := p.Normalize(ctx, long); return err }},
		},
		hostapi.RoleFeatures: {
			{"features, 1 text of 200 bytes", func(ctx context.Context) error { _, err := p.Features(ctx, []string{short}); return err }},
		},
		hostapi.RoleScore: {
			{"score, 1 candidate", func(ctx context.Context) error { _, err := p.Score(ctx, candidates[0], candidates[1:2]); return err }},
			{fmt.Sprintf("score, %d candidates", len(candidates)), func(ctx context.Context) error { _, err := p.Score(ctx, candidates[0], candidates); return err }},
		},
	}
	var all []benchCall
	for _, role := range p.Manifest().Roles {
		if role.IsHook() {
			event := conformance.Example(role)
			all = append(all, benchCall{string(role), func(ctx context.Context) error { _, err := p.Hook(ctx, event); return err }})
		}
		all = append(all, calls[role]...)
	}
	return all
}

// medianOf calls f for about a third of a second and returns the median time of a call.
func medianOf(ctx context.Context, f func(ctx context.Context) error) (time.Duration, error) {
	var took []time.Duration
	for begin := time.Now(); len(took) < 10 || time.Since(begin) < 300*time.Millisecond; {
		began := time.Now()
		if err := f(ctx); err != nil {
			return 0, err
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	return took[len(took)/2], nil
}
