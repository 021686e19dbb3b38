package process

import (
	"context"
	"errors"
	"os"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	pb "github.com/kvasir-cache/kvasir/hostapi/process/inferencepb"
	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/hosttest"
)

func statePlan(dir string) (*StatePlan, chan *StateReport) {
	reports := make(chan *StateReport, 2)
	return &StatePlan{Dir: dir, Secret: [32]byte{1}, ID: [32]byte{2}, Seed: [32]byte{3}, Save: true,
		Done: func(r *StateReport) { reports <- r }}, reports
}

func stateRequest() *Request {
	return &Request{Tokens: hosttest.Tokens(strings.Repeat("a b ", 50), true)}
}

// report waits for the one report of a plan.
func report(t *testing.T, reports chan *StateReport) *StateReport {
	t.Helper()
	select {
	case r := <-reports:
		return r
	case <-time.After(20 * time.Second):
		t.Fatal("Done was not called")
		return nil
	}
}

func TestClient_PlanAndReportCrossTheWire(t *testing.T) {
	h := hosttest.New(hosttest.Options{})
	c := loaded(t, h)
	plan, reports := statePlan(t.TempDir())
	plan.Restore, plan.MinPrefill, plan.SaveAnswer = []int{64}, time.Nanosecond, true
	result, err := c.GenerateState(t.Context(), stateRequest(), plan, nothing)
	if err != nil || result.Text == "" {
		t.Fatal(err)
	}
	got := report(t, reports)
	if len(got.Saved) == 0 || len(got.Bad) != 1 || got.Trouble != "" {
		t.Errorf("report is %+v", got)
	}
	arrived := *h.Plans()[0]
	want := *plan
	arrived.Done, want.Done = nil, nil
	if !reflect.DeepEqual(arrived, want) {
		t.Errorf("plan arrived as %+v, want %+v", arrived, want)
	}
}

// A server answers its client and ends the context of the request; files are still being written then.
func TestClient_ReportComesAfterTheRequestHasEnded(t *testing.T) {
	h := hosttest.New(hosttest.Options{})
	gate := h.Hold(hosttest.AtReport)
	c := loaded(t, h)
	plan, reports := statePlan(t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := c.GenerateState(ctx, stateRequest(), plan, nothing); err != nil {
		t.Fatal(err)
	}
	cancel()
	<-gate.Arrived()
	gate.Pass()
	if got := report(t, reports); len(got.Saved) == 0 {
		t.Errorf("report is %+v", got)
	}
}

// What a request held is free once its report has come.
func TestClient_KeepsNothingOfARequestThatIsReported(t *testing.T) {
	c := loaded(t, hosttest.New(hosttest.Options{}))
	freed := make(chan struct{})
	func() {
		plan, reports := statePlan(t.TempDir())
		held := new([1 << 10]byte)
		runtime.AddCleanup(held, func(c chan struct{}) { close(c) }, freed)
		type key struct{}
		if _, err := c.GenerateState(context.WithValue(t.Context(), key{}, held), stateRequest(), plan, nothing); err != nil {
			t.Fatal(err)
		}
		report(t, reports)
	}()
	for range 1000 {
		runtime.GC()
		select {
		case <-freed:
			return
		case <-time.After(5 * time.Millisecond):
		}
	}
	t.Error("the context of the request is still held")
}

func TestClient_DoneIsCalledWhateverHappens(t *testing.T) {
	h := hosttest.New(hosttest.Options{})
	c := loaded(t, h)
	failed := errors.New("no")
	for name, call := range map[string]func(plan *StatePlan) error{
		"invalid request": func(plan *StatePlan) error {
			_, err := c.GenerateState(t.Context(), &Request{}, plan, nothing)
			return err
		},
		"cancelled": func(plan *StatePlan) error {
			ctx, cancel := context.WithCancel(t.Context())
			_, err := c.GenerateState(ctx, stateRequest(), plan, func(Chunk) error { cancel(); return nil })
			return err
		},
		"emit fails": func(plan *StatePlan) error {
			_, err := c.GenerateState(t.Context(), stateRequest(), plan, func(Chunk) error { return failed })
			return err
		},
	} {
		plan, reports := statePlan(t.TempDir())
		err := call(plan)
		if name == "cancelled" && err == nil {
			continue // the answer was faster
		}
		if err == nil {
			t.Errorf("%s: no error", name)
		}
		// The host may have saved the prompt before it heard of the end.
		if r := report(t, reports); r.Trouble == "" && len(r.Saved) == 0 || len(reports) > 0 {
			t.Errorf("%s: report is %+v", name, r)
		}
	}
}

// A request that is given up before it has reached the host must not be worked on.
func TestClient_RequestThatIsGivenUpAtOnceIsReported(t *testing.T) {
	c := loaded(t, abandoned{hosttest.New(hosttest.Options{})})
	for i := range 50 {
		ctx, cancel := context.WithCancel(WithNumber(t.Context(), uint64(i+1)))
		plan, reports := statePlan(t.TempDir())
		go cancel()
		if _, err := c.GenerateState(ctx, stateRequest(), plan, nothing); !errors.Is(err, context.Canceled) {
			t.Errorf("error is %v", err)
		}
		report(t, reports)
	}
}

// abandoned is a host that has saved a prompt when its request is given up.
type abandoned struct{ *hosttest.Host }

func (abandoned) GenerateState(ctx context.Context, _ *Request, plan *StatePlan, emit func(Chunk) error) (*Result, error) {
	err := emit(Chunk{Text: "once"})
	<-ctx.Done()
	plan.Done(&StateReport{Computed: 500})
	return nil, errors.Join(err, ctx.Err())
}

func TestClient_RequestThatIsGivenUpIsReported(t *testing.T) {
	c := loaded(t, abandoned{hosttest.New(hosttest.Options{})})
	failed := errors.New("nobody reads")
	ctx, cancel := context.WithCancel(t.Context())
	for want, emit := range map[error]func(Chunk) error{
		context.Canceled: func(Chunk) error { cancel(); return nil },
		failed:           func(Chunk) error { return failed },
	} {
		plan, reports := statePlan(t.TempDir())
		asked := WithNumber(ctx, uint64(len(want.Error())))
		if want == failed {
			asked = WithNumber(t.Context(), 1)
		}
		if _, err := c.GenerateState(asked, stateRequest(), plan, emit); !errors.Is(err, want) {
			t.Errorf("error is %v, want %v", err, want)
		}
		if r := report(t, reports); r.Computed != 500 || r.Trouble != "" {
			t.Errorf("report is %+v", r)
		}
	}
}

// Nobody learns of the files of a request that was given up, so they must not stay.
func TestServer_RemovesFilesThatNobodyHearsOf(t *testing.T) {
	h := hosttest.New(hosttest.Options{})
	gate := h.Hold(hosttest.AtReport)
	dir := t.TempDir()
	plan, _ := statePlan(dir)
	host, ours, err := withPlan(h, encodePlan(plan))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := host.Generate(t.Context(), stateRequest(), nothing); err != nil {
		t.Fatal(err)
	}
	<-gate.Arrived()
	if files, _ := os.ReadDir(dir); len(files) == 0 {
		t.Fatal("nothing was saved")
	}
	discardLater(ours)
	gate.Pass()
	for deadline := time.Now().Add(10 * time.Second); ; {
		files, _ := os.ReadDir(dir)
		if len(files) == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d files stay", len(files))
		}
		time.Sleep(time.Millisecond)
	}
}

func TestClient_PrefillsAndChecks(t *testing.T) {
	h := hosttest.New(hosttest.Options{})
	c := loaded(t, h)
	plan, _ := statePlan(t.TempDir())
	got, err := c.Prefill(t.Context(), stateRequest().Tokens, plan)
	if err != nil || len(got.Saved) != 2 {
		t.Errorf("%+v, %v", got, err)
	}
	h.Fail(hosttest.Prefill, &base.Error{Sentinel: base.ErrOverloaded, Message: "busy"})
	if _, err := c.Prefill(t.Context(), stateRequest().Tokens, plan); !errors.Is(err, base.ErrOverloaded) {
		t.Errorf("prefill of a busy host: %v", err)
	}
	var seen []float64
	found, err := c.CheckState(t.Context(), []int{64, 100}, func(done float64) { seen = append(seen, done) })
	if err != nil || !found.Holds() || len(found.Trials) != 2 || len(seen) == 0 {
		t.Errorf("%+v, %v, progress %v", found, err, seen)
	}
}

// partial is a host whose prefill is interrupted.
type partial struct{ *hosttest.Host }

func (partial) Prefill(context.Context, []Token, *StatePlan) (*StateReport, error) {
	return &StateReport{Computed: 64}, &base.Error{Sentinel: base.ErrOverloaded, Message: "a request needed the slot"}
}

func TestClient_InterruptedPrefillReportsWhatItKept(t *testing.T) {
	c := loaded(t, partial{hosttest.New(hosttest.Options{})})
	plan, _ := statePlan(t.TempDir())
	got, err := c.Prefill(t.Context(), []Token{1, 2}, plan)
	if !errors.Is(err, base.ErrOverloaded) || got == nil || got.Computed != 64 {
		t.Errorf("%+v, %v", got, err)
	}
}

// stateless is a host of an older version.
type stateless struct{ Host }

func TestServer_HostWithoutStateAnswersAllTheSame(t *testing.T) {
	c := loaded(t, stateless{hosttest.New(hosttest.Options{})})
	plan, reports := statePlan(t.TempDir())
	if _, err := c.GenerateState(t.Context(), stateRequest(), plan, nothing); err != nil {
		t.Fatal(err)
	}
	if got := report(t, reports); got.Trouble == "" {
		t.Errorf("report is %+v", got)
	}
	if _, err := c.Prefill(t.Context(), []Token{1}, plan); !errors.Is(err, base.ErrUnsupported) {
		t.Errorf("prefill: %v", err)
	}
	if _, err := c.CheckState(t.Context(), nil, nil); !errors.Is(err, base.ErrUnsupported) {
		t.Errorf("check: %v", err)
	}
}

func TestServer_RefusesPlansWithBrokenKeys(t *testing.T) {
	plan, _ := statePlan("x")
	for name, change := range map[string]func(*pb.StatePlan){
		"long id":      func(m *pb.StatePlan) { m.Id = append(m.Id, 0) },
		"short secret": func(m *pb.StatePlan) { m.Secret = m.Secret[:31] },
		"no seed":      func(m *pb.StatePlan) { m.Seed = nil },
	} {
		m := encodePlan(plan)
		change(m)
		if _, err := decodePlan(m); !errors.Is(err, base.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
