package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kvasir-cache/kvasir/engine"
	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/control"
)

func newStats(s streams) *cobra.Command {
	var history bool
	var days int
	cmd := storeCommand(s, "stats", "Print the metrics of the cache", cobra.NoArgs,
		func(ctx context.Context, store control.Store, _ []string, asJSON bool) error {
			if history {
				return printHistory(ctx, s.out, store, days, asJSON)
			}
			return printStats(ctx, s.out, store, asJSON)
		})
	cmd.Flags().BoolVar(&history, "history", false, "show hits, saved time and size over time")
	cmd.Flags().IntVar(&days, "days", 7, "with --history, how many `days` back, 1 to 90")
	open := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		switch {
		case days < 1 || days > 90:
			return usagef("--days is %d; it must be 1 to 90", days)
		case cmd.Flags().Changed("days") && !history:
			return usagef("--days goes with --history")
		}
		return open(cmd, args)
	}
	return cmd
}

func printStats(ctx context.Context, w io.Writer, store control.Store, asJSON bool) error {
	stats, err := store.Stats(ctx)
	if err != nil {
		return err
	}
	if asJSON {
		return json.NewEncoder(w).Encode(stats)
	}
	names := slices.Sorted(maps.Keys(stats))
	width := 0
	for _, name := range names {
		width = max(width, len(name))
	}
	for _, name := range names {
		fmt.Fprintf(w, "%-*s %s\n", width, name, metricText(stats[name]))
	}
	return nil
}

// metricText is a number without an exponent.
func metricText(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

func printHistory(ctx context.Context, w io.Writer, store control.Store, days int, asJSON bool) error {
	hours, err := store.History(ctx, days*24)
	if err != nil {
		return err
	}
	if asJSON {
		return json.NewEncoder(w).Encode(map[string][]engine.Hour{"hours": hours})
	}
	stats, err := store.Stats(ctx)
	if err != nil {
		return err
	}
	plotHistory(w, hours, heldSize{int64(stats["cache.size"]), int64(stats["cache.entry_bytes"])}, time.Now(), days)
	return nil
}

// plotColumns is how wide a plot may be.
const plotColumns = 56

// heldSize is what the cache holds now, whether or not it did anything in the hours that are shown.
type heldSize struct{ entries, bytes int64 }

// plotHistory draws what is counted by the column, which is some hours; of sizes it shows the last of each column.
func plotHistory(w io.Writer, hours []engine.Hour, held heldSize, now time.Time, days int) {
	each := (days*24 + plotColumns - 1) / plotColumns // hours
	columns := (days*24 + each - 1) / each
	end := now.Truncate(time.Hour).Add(time.Hour)
	hits, saved, size := make([]float64, columns), make([]float64, columns), make([]float64, columns)
	last := make([]bool, columns)
	var all engine.Hour
	for _, h := range hours {
		back := int(end.Sub(h.Start)/time.Hour) - 1
		at := columns - 1 - back/each
		if back < 0 || at < 0 {
			continue
		}
		hits[at] += float64(h.Hits)
		saved[at] += h.Saved.Seconds()
		size[at], last[at] = float64(h.Bytes), true
		all.Hits, all.Lookups, all.Saved = all.Hits+h.Hits, all.Lookups+h.Lookups, all.Saved+h.Saved
	}
	size[columns-1], last[columns-1] = float64(held.bytes), true
	carry(size, last)
	fmt.Fprintf(w, "the last %s, %s a column: %d of %s were hits, and saved %v\n",
		base.Count(days, "day", "days"), base.Count(each, "hour", "hours"), all.Hits, base.Count(all.Lookups, "lookup", "lookups"), all.Saved.Round(time.Millisecond))
	plotRows(w, "hits", hits, fmt.Sprintf("%.0f", slices.Max(hits)))
	plotRows(w, "saved", saved, time.Duration(slices.Max(saved)*float64(time.Second)).Round(time.Millisecond).String())
	plotRows(w, fmt.Sprintf("size, now %s in %s", sizeText(held.bytes), base.Entries(held.entries)), size, sizeText(int64(slices.Max(size))))
}

// carry fills columns in which nothing happened with the size before.
func carry(size []float64, known []bool) {
	for i := 1; i < len(size); i++ {
		if !known[i] {
			size[i] = size[i-1]
		}
	}
}

// plotHeight is the height of a plot in lines, of which each has eight steps.
const plotHeight = 4

// plotRows draws a column for each value; the highest is as high as the plot.
func plotRows(w io.Writer, title string, values []float64, most string) {
	top := slices.Max(values)
	fmt.Fprintf(w, "\n%s, at most %s\n", title, most)
	for line := plotHeight - 1; line >= 0; line-- {
		var b strings.Builder
		for _, v := range values {
			b.WriteRune(step(v, top, line))
		}
		fmt.Fprintf(w, "|%s|\n", b.String())
	}
}

// step is what a column shows in one line of a plot, counted from below. What is more than nothing is seen.
func step(v, top float64, line int) rune {
	if v <= 0 || top <= 0 {
		return ' '
	}
	eighths := max(1, int(v/top*plotHeight*8+0.5)) - 8*line
	return []rune(" ▁▂▃▄▅▆▇█")[max(0, min(8, eighths))]
}
