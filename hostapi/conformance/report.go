package conformance

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/kvasir-cache/kvasir/hostapi"
)

// Status is how a check ended.
type Status string

const (
	Passed  Status = "pass"
	Failed  Status = "FAIL"
	Skipped Status = "skip"
)

// Result is how one check ended. Details say what was given, what came back and what was expected, or why
// the check was skipped.
type Result struct {
	Check   string   `json:"check"`
	Status  Status   `json:"status"`
	Details []string `json:"details,omitempty"`
}

// Report has a result for every check that fits the plugin, in the order they ran.
type Report struct {
	Results []Result `json:"results"`
}

func (r *Report) add(check string, status Status, details ...string) {
	r.Results = append(r.Results, Result{Check: check, Status: status, Details: details})
}

// OK reports whether no check failed.
func (r *Report) OK() bool { return r.Count(Failed) == 0 }

// Count returns how many checks ended so.
func (r *Report) Count(s Status) int {
	n := 0
	for _, result := range r.Results {
		if result.Status == s {
			n++
		}
	}
	return n
}

// WriteTo writes a line for each check, the details below it, and a summary.
func (r *Report) WriteTo(w io.Writer) (int64, error) {
	var b strings.Builder
	for _, result := range r.Results {
		fmt.Fprintf(&b, "%s  %s\n", result.Status, result.Check)
		for _, d := range result.Details {
			fmt.Fprintf(&b, "      %s\n", d)
		}
	}
	fmt.Fprintf(&b, "%d passed, %d failed, %d skipped\n", r.Count(Passed), r.Count(Failed), r.Count(Skipped))
	n, err := io.WriteString(w, b.String())
	return int64(n), err
}

// T is the part of testing.TB that Run uses.
type T interface {
	Helper()
	Errorf(format string, args ...any)
}

// Run checks a plugin and reports each check that failed as an error of t. It closes the plugin.
func Run(t T, p hostapi.Plugin, o Options) {
	t.Helper()
	for _, result := range Check(context.Background(), p, o).Results {
		if result.Status == Failed {
			t.Errorf("%s:\n\t%s", result.Check, strings.Join(result.Details, "\n\t"))
		}
	}
}
