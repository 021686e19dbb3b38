package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/kvasir-cache/kvasir/engine"
	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/setup"
)

// runStore checks the store. What is broken and stays is a failure.
func (o *checkOptions) runStore(ctx context.Context) error {
	c, err := o.settings.read()
	if err != nil {
		return err
	}
	if !c.Cache.Persist {
		return usagef("with persist off there is no store to check")
	}
	line := newProgressLine(o.err)
	began := time.Now()
	report, err := setup.CheckStore(ctx, c, engine.CheckOptions{
		Repair: o.repair, Logger: newLogger(o.err, o.verbose),
		Progress: func(what string, n int) {
			line.say("checking, %s of kind %s", base.Count(n, "record", "records"), what)
		},
	})
	line.clear()
	if err != nil {
		return err
	}
	if err := o.printStore(report, time.Since(began)); err != nil {
		return err
	}
	if left := report.Broken - report.Repaired; left > 0 {
		return &base.Error{Sentinel: engine.ErrCorrupt, Message: fmt.Sprintf("%d of the store's records and files are broken", left),
			Hint: "kvasir check --repair loses them, and nothing else"}
	}
	return nil
}

func (o *checkOptions) printStore(r *engine.CheckReport, took time.Duration) error {
	if o.json {
		return json.NewEncoder(o.out).Encode(struct {
			*engine.CheckReport
			Milliseconds float64 `json:"ms"`
		}{r, milliseconds(took)})
	}
	for _, p := range r.Problems {
		remedy := "would be repaired"
		if o.repair {
			remedy = "repaired"
		}
		fmt.Fprintf(o.out, "%s %s: %s (%s: %s)\n", p.Kind, shortened(p.Name), p.What, remedy, p.Remedy)
	}
	if more := r.Broken - len(r.Problems); more > 0 {
		fmt.Fprintf(o.out, "and %d more\n", more)
	}
	fmt.Fprintf(o.out, "%s, %s, %s, %s of saved state in %s, %s, %s: ",
		base.Entries(r.Entries), base.Count(r.Exact, "exact key", "exact keys"), base.Count(r.Signatures, "signature", "signatures"),
		base.Count(r.Chunks, "chunk", "chunks"), base.Count(r.Files, "file", "files"), base.Count(r.Marks, "mark", "marks"),
		base.Count(r.Others, "other record", "other records"))
	switch {
	case r.Broken == 0:
		fmt.Fprintln(o.out, "all in order")
	case o.repair:
		fmt.Fprintf(o.out, "%s, %d repaired\n", base.Count(r.Broken, "problem", "problems"), r.Repaired)
	default:
		fmt.Fprintf(o.out, "%s\n", base.Count(r.Broken, "problem", "problems"))
	}
	if r.Lost > 0 {
		fmt.Fprintf(o.err, "kvasir: note: %s\n",
			base.Count(r.Lost, "entry is of a tenant whose salt is gone; nobody finds it, and it ages out", "entries are of tenants whose salt is gone; nobody finds them, and they age out"))
	}
	if r.Old != "" {
		fmt.Fprintf(o.err, "kvasir: note: the damaged store is in %s; remove it when nobody needs it\n", r.Old)
	}
	return nil
}

// shortened cuts a name in hex to what tells it from others.
func shortened(name string) string {
	const most = 24
	if len(name) > most {
		return name[:most] + "…"
	}
	return name
}
