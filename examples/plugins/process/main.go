// Command process is a process plugin: a normalizer for ASCII text and a scorer by trigrams, in a
// program of its own. README.md says how to build it and use it.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/kvasir-cache/kvasir/hostapi"
	"github.com/kvasir-cache/kvasir/hostapi/process"
)

func main() { process.ServePlugin(newPlugin) }

// config is the plugin's config in cache.toml.
type config struct {
	// DelayMS is how long each text takes, to try out what a deadline does.
	DelayMS int `json:"delay_ms"`
}

func newPlugin(_ context.Context, init hostapi.Init) (*process.Functions, error) {
	var c config
	if err := json.Unmarshal(init.Config, &c); err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	if c.DelayMS < 0 {
		return nil, fmt.Errorf("config: delay_ms is %d, want 0 or more", c.DelayMS)
	}
	return &process.Functions{
		Manifest: hostapi.Manifest{
			Name:    "process-example",
			Version: "1.0.0",
			Scorer: &hostapi.Scorer{
				Class: hostapi.ClassRerank,
				Index: &hostapi.Index{Unit: "char", Min: 3, Max: 3, Floor: 0.5},
			},
		},
		Normalize: func(ctx context.Context, text string) (string, error) {
			return normalize(text), c.pause(ctx, 1)
		},
		Score: func(ctx context.Context, query string, candidates []string) ([]float32, error) {
			return score(query, candidates), c.pause(ctx, len(candidates))
		},
	}, nil
}

// pause waits for the delay of n texts, or until nobody waits for the answer any more.
func (c config) pause(ctx context.Context, n int) error {
	if c.DelayMS == 0 {
		return nil
	}
	select {
	case <-time.After(time.Duration(c.DelayMS*n) * time.Millisecond):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
