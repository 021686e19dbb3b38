package conformance

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/kvasir-cache/kvasir/hostapi"
)

// Options say what to check besides the contract.
type Options struct {
	// Vectors are what the plugin is to answer.
	Vectors []Vector
	// Again loads the same plugin once more. The two are compared, and the second is closed. nil leaves
	// that out.
	Again func() (hostapi.Plugin, error)
	// Symmetric says that the scorer gives two texts the same score in either order.
	Symmetric bool
	// Host says to check what the host of plugins promises too: that a text which is no UTF-8 reaches none.
	Host bool
	// Seed chooses the random texts.
	Seed uint64

	only string // for tests: leave out other checks than those whose names begin so
}

// Check runs every check that fits the plugin's roles, and closes the plugin: what a closed one says is the
// last. It goes on after a failure, and stops only where ctx ends.
func Check(ctx context.Context, p hostapi.Plugin, o Options) *Report {
	k := &kit{
		ctx: ctx, plugin: p, options: o, report: &Report{},
		texts: texts(rand.New(rand.NewPCG(o.Seed, 0))),
	}
	for _, c := range checks {
		if k.applies(c) {
			k.run(c)
		}
	}
	return k.report
}

// kit is one run of the checks.
type kit struct {
	ctx     context.Context
	plugin  hostapi.Plugin
	options Options
	report  *Report
	texts   []string
	failed  []string // what the check under way has found

	manifestText string // as it was at first
}

// check is one thing to check. Those that do not fit the plugin's roles, and those about the host where
// that is not asked for, are not part of a report.
type check struct {
	name string
	role hostapi.Role // or "" for all plugins
	run  func(k *kit) (skipped string)
	host bool // it is about the host of plugins
}

var checks = joined(manifestChecks, normalizeChecks, featuresChecks, scoreChecks, explainChecks, hookChecks,
	vectorChecks, lifeChecks)

func joined(lists ...[]check) []check {
	var all []check
	for _, list := range lists {
		all = append(all, list...)
	}
	return all
}

// always makes a check of one that is never skipped.
func always(run func(k *kit)) func(k *kit) string {
	return func(k *kit) string { run(k); return "" }
}

// applies reports whether c is to be run.
func (k *kit) applies(c check) bool {
	m := k.plugin.Manifest()
	switch {
	case c.name == checkManifest:
		return true
	case m == nil || c.role != "" && !m.Has(c.role) || c.host && !k.options.Host:
		return false
	}
	return strings.HasPrefix(c.name, k.options.only)
}

func (k *kit) run(c check) {
	if k.ctx.Err() != nil {
		k.report.add(c.name, Failed, "not run: "+k.ctx.Err().Error())
		return
	}
	k.failed = nil
	skipped := k.guarded(c)
	switch {
	case len(k.failed) > 0:
		k.report.add(c.name, Failed, k.failed...)
	case skipped != "":
		k.report.add(c.name, Skipped, skipped)
	default:
		k.report.add(c.name, Passed)
	}
}

// guarded turns a panic into a failure.
func (k *kit) guarded(c check) (skipped string) {
	defer func() {
		if p := recover(); p != nil {
			k.failf("it panicked: %v", p)
		}
	}()
	return c.run(k)
}

// maxDetails is how much a check says of what it found.
const maxDetails = 3

func (k *kit) failf(format string, args ...any) {
	if len(k.failed) < maxDetails {
		k.failed = append(k.failed, fmt.Sprintf(format, args...))
	}
}

const shown = 80 // bytes of a text in a report

// quote shows a text, shortened.
func quote(text string) string {
	if len(text) <= shown {
		return fmt.Sprintf("%q", text)
	}
	return fmt.Sprintf("%q… (%d bytes)", text[:shown], len(text))
}

// shorten shows JSON, which needs no quotes.
func shorten(text string) string {
	if len(text) <= 2*shown {
		return text
	}
	return fmt.Sprintf("%s… (%d bytes)", strings.ToValidUTF8(text[:2*shown], ""), len(text))
}
