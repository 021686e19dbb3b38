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

const (
	reportTime = 10 * time.Minute // that a host may write chunk files after an answer
	stopTime   = 10 * time.Second // for a host to hear that it is to stop
)

// GenerateState implements base.StateHost, as Generate implements its. A goroutine goes on to wait for the
// report when it has returned. With a number (see WithNumber), a request that is given up is reported too: the
// host is told to stop it, and what it has saved by then is not lost.
func (c *Client) GenerateState(ctx context.Context, r *Request, plan *StatePlan, emit func(Chunk) error) (*Result, error) {
	done := reportOnce(plan)
	req := EncodeRequest(r)
	req.Number, req.Plan = numberOf(ctx), encodePlan(plan)
	if err := errors.Join(r.Validate(), passesNothing(r), checkSize("request", req)); err != nil {
		done(unreported(err))
		return nil, err
	}
	kept, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stream, err := c.rpc.Generate(kept, req)
	if err != nil {
		cancel()
		err = failed(ctx, err)
		done(unreported(err))
		return nil, err
	}
	p := &pump{stream: stream, events: make(chan *pb.GenerateEvent), left: make(chan struct{}), cancel: cancel}
	go p.run(done)
	result, err := p.receive(ctx, emit)
	if result == nil {
		c.stop(req.GetNumber(), cancel)
	}
	late := time.AfterFunc(reportTime, cancel)
	context.AfterFunc(kept, func() { late.Stop() }) // else it keeps all of the request
	close(p.left)
	return result, err
}

// stop has the host end the work on a request whose stream stays open. If that cannot be, or the request has
// not reached the host yet, it cancels the stream.
func (c *Client) stop(number uint64, cancel context.CancelFunc) {
	if number == 0 {
		cancel()
		return
	}
	go func() {
		ctx, end := context.WithTimeout(context.Background(), stopTime)
		defer end()
		if m, err := c.rpc.Stop(ctx, &pb.StopRequest{Number: number}); err != nil || !m.GetFound() {
			cancel()
		}
	}()
}

// pump reads the events of a generation with a plan to their end, whoever still listens.
type pump struct {
	stream grpc.ServerStreamingClient[pb.GenerateEvent]
	events chan *pb.GenerateEvent // closed at the end
	left   chan struct{}          // closed when nobody listens any more
	cancel context.CancelFunc
	err    error // why the stream ended; valid after events is closed
}

func (p *pump) run(done func(*StateReport)) {
	defer p.cancel()
	defer close(p.events)
	for {
		m, err := p.stream.Recv()
		if err != nil {
			p.err = err
			done(unreported(noReport(err))) // unless there was one
			return
		}
		if m.GetReport() != nil {
			done(decodeReport(m.GetReport()))
			continue
		}
		select {
		case p.events <- m:
		case <-p.left:
		}
	}
}

// receive listens until the result, or the end of ctx.
func (p *pump) receive(ctx context.Context, emit func(Chunk) error) (*Result, error) {
	for {
		select {
		case m, more := <-p.events:
			switch {
			case !more && p.err == io.EOF:
				return nil, errNoResult
			case !more:
				return nil, failed(ctx, p.err)
			}
			if result, err := take(ctx, m, emit); result != nil || err != nil {
				return result, err
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
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
