package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/kvasir-cache/kvasir/hostapi"
	pb "github.com/kvasir-cache/kvasir/hostapi/process/pluginpb"
)

// having returns the functions if there is one for a role.
func (s *pluginServer) having(r hostapi.Role) (*Functions, error) {
	f, err := s.ready()
	if err == nil && !f.has(r) {
		err = fmt.Errorf("%w: %s", hostapi.ErrRole, r)
	}
	return f, err
}

// ask calls a function with the budget of its request.
func ask[T any](ctx context.Context, us uint32, call func(ctx context.Context) (T, error)) (T, error) {
	if us > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(us)*time.Microsecond)
		defer cancel()
	}
	answer, err := call(ctx)
	if err != nil {
		err = failure(ctx, err)
	}
	return answer, err
}

// failure returns the error of a call whose function returned err.
func failure(ctx context.Context, err error) error {
	switch {
	case pluginContract.knows(err):
		return err
	case errors.Is(ctx.Err(), context.DeadlineExceeded) && errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: %w", hostapi.ErrBudget, err)
	}
	return fmt.Errorf("%w: %w", hostapi.ErrFailed, err)
}

// Normalize implements the method of that name.
func (s *pluginServer) Normalize(ctx context.Context, m *pb.NormalizeRequest) (*pb.NormalizeResponse, error) {
	f, err := s.having(hostapi.RoleNormalize)
	if err != nil {
		return nil, err
	}
	if len(m.GetText()) > hostapi.MaxText || !utf8.Valid(m.GetText()) {
		return nil, fmt.Errorf("%w: what it was given is no text of at most %d bytes", hostapi.ErrOutput, hostapi.MaxText)
	}
	text, err := ask(ctx, m.GetBudgetUs(), func(ctx context.Context) (string, error) {
		return f.Normalize(ctx, string(m.GetText()))
	})
	if err != nil {
		return nil, err
	}
	return &pb.NormalizeResponse{Text: []byte(text)}, checkText(text)
}

// checkText reports a text that is no normal form.
func checkText(text string) error {
	switch {
	case len(text) > hostapi.MaxText:
		return fmt.Errorf("%w: normal form: %d bytes, at most %d are allowed", hostapi.ErrOutput, len(text), hostapi.MaxText)
	case !utf8.ValidString(text):
		return fmt.Errorf("%w: normal form: not valid UTF-8", hostapi.ErrOutput)
	}
	return nil
}

// Features implements the method of that name.
func (s *pluginServer) Features(ctx context.Context, m *pb.FeaturesRequest) (*pb.FeaturesResponse, error) {
	f, err := s.having(hostapi.RoleFeatures)
	if err != nil {
		return nil, err
	}
	texts, err := hostapi.DecodeFeaturesFrame(m.GetFrame())
	if err != nil {
		return nil, err
	}
	sets, err := ask(ctx, m.GetBudgetUs(), func(ctx context.Context) ([][]uint64, error) { return f.Features(ctx, texts) })
	if err != nil {
		return nil, err
	}
	frame, err := encodeFeatures(sets, len(texts))
	return &pb.FeaturesResponse{Frame: frame}, err
}

func encodeFeatures(sets [][]uint64, n int) ([]byte, error) {
	if err := hostapi.CheckFeatures(sets, n); err != nil {
		return nil, err
	}
	size := 4 + 4*n
	for _, set := range sets {
		size += 8 * len(set)
	}
	if size > hostapi.MaxFrame {
		return nil, fmt.Errorf("%w: features: %d bytes, at most %d are allowed", hostapi.ErrOutput, size, hostapi.MaxFrame)
	}
	return hostapi.AppendFeatures(nil, sets), nil
}

// Score implements the method of that name.
func (s *pluginServer) Score(ctx context.Context, m *pb.ScoreRequest) (*pb.ScoreResponse, error) {
	f, err := s.having(hostapi.RoleScore)
	if err != nil {
		return nil, err
	}
	query, candidates, err := hostapi.DecodeScoreFrame(m.GetFrame())
	if err != nil {
		return nil, err
	}
	scores, err := ask(ctx, m.GetBudgetUs(), func(ctx context.Context) ([]float32, error) {
		return f.Score(ctx, query, candidates)
	})
	if err != nil {
		return nil, err
	}
	frame := hostapi.AppendScores(nil, scores)
	return &pb.ScoreResponse{Frame: frame}, hostapi.CheckScores(scores, len(candidates))
}

// Hook implements the method of that name.
func (s *pluginServer) Hook(ctx context.Context, m *pb.HookRequest) (*pb.HookResponse, error) {
	var e hostapi.Event
	if err := json.Unmarshal(m.GetEvent(), &e); err != nil { // a later host may say more, which is no error
		return nil, fmt.Errorf("%w: event: %v", hostapi.ErrOutput, err)
	}
	f, err := s.having(e.Hook)
	if err == nil && !e.Hook.IsHook() {
		err = fmt.Errorf("%w: %s is no hook", hostapi.ErrRole, e.Hook)
	}
	if err != nil {
		return nil, err
	}
	decision, err := ask(ctx, m.GetBudgetUs(), func(ctx context.Context) (*hostapi.Decision, error) {
		return f.hook(e.Hook)(ctx, &e)
	})
	if err != nil {
		return nil, err
	}
	data, err := encodeDecision(e.Hook, decision)
	return &pb.HookResponse{Decision: data}, err
}

func encodeDecision(hook hostapi.Role, d *hostapi.Decision) ([]byte, error) {
	if d == nil {
		return nil, nil
	}
	data, err := json.Marshal(d)
	if err == nil {
		err = d.Check(hook) // what it may hold fits into hostapi.MaxJSON
	}
	return data, err
}

// Explain implements the method of that name.
func (s *pluginServer) Explain(ctx context.Context, m *pb.ExplainRequest) (*pb.ExplainResponse, error) {
	f, err := s.ready()
	if err == nil && f.Explain == nil {
		err = fmt.Errorf("%w: explain", hostapi.ErrRole)
	}
	if err != nil {
		return nil, err
	}
	query, candidates, err := hostapi.DecodeScoreFrame(m.GetFrame())
	if err == nil && len(candidates) != 1 {
		err = fmt.Errorf("%w: explain: %d candidates, want 1", hostapi.ErrOutput, len(candidates))
	}
	if err != nil {
		return nil, err
	}
	why, err := ask(ctx, m.GetBudgetUs(), func(ctx context.Context) (*hostapi.Explanation, error) {
		return f.Explain(ctx, query, candidates[0])
	})
	if err != nil {
		return nil, err
	}
	data, err := encodeExplanation(why)
	return &pb.ExplainResponse{Explanation: data}, err
}

func encodeExplanation(e *hostapi.Explanation) ([]byte, error) {
	data, err := json.Marshal(e)
	if err == nil {
		_, err = hostapi.DecodeExplanation(data)
	}
	return data, err
}
