package prochost

import (
	"context"
	"fmt"
	"sync"

	"github.com/kvasir-cache/kvasir/hostapi/process"
	"github.com/kvasir-cache/kvasir/internal/base"
)

var _ base.StateChecker = (*Host)(nil)

// GenerateState implements base.StateHost, with the rules of Generate. A plan whose process died is reported as
// one of which nothing is known; of a request that is sent again, only the last process reports.
func (h *Host) GenerateState(ctx context.Context, r *base.Request, plan *base.StatePlan, emit func(base.Chunk) error) (*base.Result, error) {
	var last chan *base.StateReport
	result, err := h.generate(ctx, r, emit, func(ctx context.Context, c *process.Client, emit func(base.Chunk) error) (*base.Result, error) {
		reports := make(chan *base.StateReport, 1) // has room, so that a report nobody takes holds up nobody
		last = reports
		mine := *plan
		mine.Done = func(report *base.StateReport) { reports <- report }
		return c.GenerateState(ctx, r, &mine, emit)
	})
	switch {
	case plan.Done == nil:
	case last == nil:
		plan.Done(&base.StateReport{Trouble: fmt.Sprintf("the inference host was not asked: %v", err)})
	default:
		go func() { plan.Done(<-last) }() // ends with the report, or with the process
	}
	return result, err
}

// Prefill implements base.StateHost. It is not sent again: whoever asks for work in the background asks again
// when it wants to. Tokens that meet two deaths are refused.
func (h *Host) Prefill(ctx context.Context, tokens []base.Token, plan *base.StatePlan) (*base.StateReport, error) {
	id := sync.OnceValue(func() requestID { return identify("prefill", fmt.Sprint(tokens)) })
	if err := h.suspects.refuse(id); err != nil {
		return nil, err
	}
	number, started := h.numbers.Add(1), false
	watched := base.WithStarted(process.WithNumber(ctx, number), func() { started = true; base.Started(ctx) })
	var report *base.StateReport
	dead, err := h.supervisor.once(ctx, func(l loaded) (err error) {
		report, err = l.client.Prefill(watched, tokens, plan)
		return err
	})
	if dead == nil {
		return report, err
	}
	if started || err == nil && dead.death.started[number] {
		h.suspects.add(dead.process, id())
	}
	if err == nil {
		err = died(dead.death, "while reading ahead")
	}
	return nil, err
}

// CheckState implements base.StateChecker. It is not sent again.
func (h *Host) CheckState(ctx context.Context, lengths []int, progress func(done float64)) (*base.StateCheck, error) {
	var found *base.StateCheck
	dead, err := h.supervisor.once(ctx, func(l loaded) (err error) {
		found, err = l.client.CheckState(ctx, lengths, progress)
		return err
	})
	if dead != nil && err == nil {
		err = died(dead.death, "while checking saved state")
	}
	return found, err
}
