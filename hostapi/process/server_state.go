package process

import (
	"context"
	"os"
	"sync"

	"google.golang.org/grpc"

	pb "github.com/kvasir-cache/kvasir/hostapi/process/inferencepb"
	"github.com/kvasir-cache/kvasir/internal/base"
)

// errNoState is what a host without saved state answers.
var errNoState = &base.Error{Sentinel: base.ErrUnsupported, Message: "this inference host cannot save state"}

// withPlan returns a host whose Generate follows the plan in m, and where its report will be. Without a
// plan it returns h.
func withPlan(h base.Host, m *pb.StatePlan) (base.Host, <-chan *base.StateReport, error) {
	if m == nil {
		return h, nil, nil
	}
	plan, err := decodePlan(m)
	if err != nil {
		return nil, nil, err
	}
	reports := make(chan *base.StateReport, 1)
	plan.Done = func(r *base.StateReport) { reports <- r }
	state, ok := h.(base.StateHost)
	if !ok {
		plan.Done(&base.StateReport{Trouble: errNoState.Message})
		return h, reports, nil
	}
	return planned{state, plan}, reports, nil
}

// planned is a host for one request, which has a plan.
type planned struct {
	base.StateHost
	plan *base.StatePlan
}

func (p planned) Generate(ctx context.Context, r *base.Request, emit func(base.Chunk) error) (*base.Result, error) {
	return p.GenerateState(ctx, r, p.plan, emit)
}

// stops are the ways to stop the requests under way that have a plan and a number.
type stops struct {
	mu      sync.Mutex
	cancels map[uint64]context.CancelFunc
}

// begin returns the context to work on a request in, which Stop can end, and a function to call at the end.
func (s *stops) begin(ctx context.Context, m *pb.GenerateRequest) (context.Context, func()) {
	number := m.GetNumber()
	if m.GetPlan() == nil || number == 0 {
		return ctx, func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cancels == nil {
		s.cancels = map[uint64]context.CancelFunc{}
	}
	s.cancels[number] = cancel
	return ctx, func() {
		cancel()
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.cancels, number)
	}
}

// stop reports whether the request is under way.
func (s *stops) stop(number uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	cancel := s.cancels[number]
	if cancel != nil {
		cancel()
	}
	return cancel != nil
}

// Stop implements the method of that name.
func (s *server) Stop(_ context.Context, m *pb.StopRequest) (*pb.StopResponse, error) {
	return &pb.StopResponse{Found: s.stops.stop(m.GetNumber())}, nil
}

// sendReport waits for the report of a request that has ended, and sends it. Of a report that nobody
// takes, the files are removed: no one else knows of them.
func sendReport(ctx context.Context, reports <-chan *base.StateReport, out *sender[*pb.GenerateEvent]) error {
	if reports == nil {
		return nil
	}
	select {
	case r := <-reports:
		err := out.put(&pb.GenerateEvent{Event: &pb.GenerateEvent_Report{Report: encodeReport(r)}})
		if err != nil {
			discard(r)
		}
		return err
	case <-ctx.Done():
		discardLater(reports)
		return ctx.Err()
	}
}

// discardLater discards the report of a request that failed, when it comes.
func discardLater(reports <-chan *base.StateReport) {
	if reports != nil {
		go func() { discard(<-reports) }()
	}
}

func discard(r *base.StateReport) {
	for _, c := range r.Saved {
		_ = os.Remove(c.Temp)
	}
}

// Prefill implements the method of that name.
func (s *server) Prefill(m *pb.PrefillRequest, stream grpc.ServerStreamingServer[pb.PrefillEvent]) error {
	h, err := s.loaded()
	if err != nil {
		return err
	}
	state, ok := h.(base.StateHost)
	if !ok {
		return errNoState
	}
	plan, err := decodePlan(m.GetPlan())
	if err != nil {
		return err
	}
	out := &sender[*pb.PrefillEvent]{send: stream.Send}
	defer out.close()
	ctx := base.WithStarted(stream.Context(), func() {
		s.ledger.note(m.GetNumber())
		_ = out.put(&pb.PrefillEvent{Event: &pb.PrefillEvent_Started{Started: &pb.Started{}}})
	})
	report, err := state.Prefill(ctx, m.GetTokens(), plan)
	if report == nil {
		return err
	}
	if failed := out.put(&pb.PrefillEvent{Event: &pb.PrefillEvent_Report{Report: encodeReport(report)}}); failed != nil {
		discard(report)
		return failed
	}
	return err
}

// CheckState implements the method of that name.
func (s *server) CheckState(m *pb.CheckStateRequest, stream grpc.ServerStreamingServer[pb.CheckStateProgress]) error {
	h, err := s.loaded()
	if err != nil {
		return err
	}
	checker, ok := h.(base.StateChecker)
	if !ok {
		return errNoState
	}
	out := &sender[*pb.CheckStateProgress]{send: stream.Send}
	defer out.close()
	found, err := checker.CheckState(stream.Context(), each(m.GetLengths(), func(n int64) int { return int(n) }),
		func(done float64) { _ = out.put(&pb.CheckStateProgress{Done: done}) })
	if err != nil {
		return err
	}
	return out.put(&pb.CheckStateProgress{Done: 1, Check: encodeCheck(found)})
}
