package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"google.golang.org/grpc"

	pb "github.com/kvasir-cache/kvasir/hostapi/process/inferencepb"
	"github.com/kvasir-cache/kvasir/internal/base"
)

var _ base.StateChecker = (*Client)(nil)

// reportTime is how long a host may write chunk files after an answer.
const reportTime = 10 * time.Minute

// GenerateState implements base.StateHost, as Generate implements its. When it returns a result, a goroutine
// waits for the report, whatever becomes of ctx. When it returns an error, Done has been called.
func (c *Client) GenerateState(ctx context.Context, r *Request, plan *StatePlan, emit func(Chunk) error) (*Result, error) {
	done := reportOnce(plan)
	req := EncodeRequest(r)
	req.Number, req.Plan = numberOf(ctx), encodePlan(plan)
	err := errors.Join(r.Validate(), checkSize("request", req))
	if err != nil {
		done(unreported(err))
		return nil, err
	}
	kept, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, cancel)
	stream, err := c.rpc.Generate(kept, req)
	var result *Result
	if err != nil {
		err = failed(ctx, err)
	} else {
		result, err = receive(ctx, stream, emit)
	}
	if err != nil {
		cancel() // tells the host that nobody waits any more
		done(unreported(err))
		return nil, err
	}
	stop()
	go awaitReport(stream, cancel, done)
	return result, nil
}

// reportOnce returns a function that calls plan's Done the first time it is called.
func reportOnce(plan *StatePlan) func(*StateReport) {
	var once sync.Once
	return func(r *StateReport) {
		once.Do(func() {
			if plan.Done != nil {
				plan.Done(r)
			}
		})
	}
}

// unreported is the report of a host that gave none.
func unreported(err error) *StateReport {
	return &StateReport{Trouble: fmt.Sprintf("nothing is known of the saved state: %v", err)}
}

// awaitReport reads what follows a result.
func awaitReport(stream grpc.ServerStreamingClient[pb.GenerateEvent], cancel context.CancelFunc, done func(*StateReport)) {
	defer cancel()
	defer time.AfterFunc(reportTime, cancel).Stop()
	for {
		m, err := stream.Recv()
		if err != nil {
			done(unreported(noReport(err)))
			return
		}
		if m.GetReport() != nil {
			done(decodeReport(m.GetReport()))
		}
	}
}

// noReport is the error of a stream that ended with err and no report.
func noReport(err error) error {
	if err == io.EOF {
		return errors.New("the inference host sent no report")
	}
	return hostContract.decodeError(err)
}

// Prefill implements base.StateHost. With an error it returns a report too, if the host sent one. It calls
// Started with ctx when the host says that the prefill took a slot.
func (c *Client) Prefill(ctx context.Context, tokens []Token, plan *StatePlan) (*StateReport, error) {
	req := &pb.PrefillRequest{Tokens: tokens, Plan: encodePlan(plan), Number: numberOf(ctx)}
	if err := checkSize("prompt", req); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := c.rpc.Prefill(ctx, req)
	if err != nil {
		return nil, failed(ctx, err)
	}
	var report *StateReport
	for {
		m, err := stream.Recv()
		switch {
		case err == io.EOF && report != nil:
			return report, nil
		case err == io.EOF:
			return nil, errors.New("the inference host ended a prefill without a report")
		case err != nil:
			return report, failed(ctx, err)
		}
		base.Started(ctx)
		if m.GetReport() != nil {
			report = decodeReport(m.GetReport())
		}
	}
}

// CheckState implements base.StateChecker. It calls progress from this goroutine.
func (c *Client) CheckState(ctx context.Context, lengths []int, progress func(done float64)) (*StateCheck, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := c.rpc.CheckState(ctx, &pb.CheckStateRequest{Lengths: each(lengths, func(n int) int64 { return int64(n) })})
	if err != nil {
		return nil, failed(ctx, err)
	}
	for {
		m, err := stream.Recv()
		switch {
		case err == io.EOF:
			return nil, errors.New("the inference host ended a check without saying what it found")
		case err != nil:
			return nil, failed(ctx, err)
		case m.GetCheck() != nil:
			return decodeCheck(m.GetCheck()), nil
		case progress != nil:
			progress(m.GetDone())
		}
	}
}
