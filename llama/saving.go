//go:build llama

package llama

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/layout"
	"github.com/kvasir-cache/kvasir/internal/schedule"
)

// State implements schedule.Runner. llama.cpp gives out of a sliding window only what the end of a sequence
// still reaches. What lies before is fetched by taking the end away, window by window, after which the
// whole is put back.
func (r *runner) State(slot, tokens int, buf []byte) ([]byte, error) {
	state, err := r.ctx.State(slot, buf)
	if err != nil {
		return nil, err
	}
	parsed, err := r.layout.Parse(state, slot, tokens)
	if err != nil || parsed.First() == 0 {
		return state, err
	}
	whole, err := r.wholeWindow(slot, parsed)
	if err == nil {
		err = r.ctx.SetState(slot, whole)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", schedule.ErrSlotLost, err)
	}
	return whole, nil
}

// wholeWindow returns the state of which end holds all layers but only the end of the windows. It leaves
// the slot with a part of its tokens.
func (r *runner) wholeWindow(slot int, end *layout.State) ([]byte, error) {
	joint, err := r.layout.Join(nil, slot, end.Tokens())
	if err != nil {
		return nil, err
	}
	if err := errors.Join(joint.PutFull(end), joint.PutState(end, end.First(), end.Tokens())); err != nil {
		return nil, err
	}
	var buf []byte
	for first := end.First(); first > 0; {
		if !r.ctx.Truncate(slot, first) {
			return nil, fmt.Errorf("sequence %d cannot be cut at %d", slot, first)
		}
		if buf, err = r.ctx.WindowState(slot, buf); err != nil {
			return nil, err
		}
		window, err := r.layout.ParseWindow(buf, slot, first)
		if err == nil {
			err = joint.PutState(window, window.First(), first)
		}
		if err != nil {
			return nil, err
		}
		first = window.First()
	}
	return joint.Bytes(), nil
}

// SetState implements schedule.Runner.
func (r *runner) SetState(slot int, state []byte) error { return r.ctx.SetState(slot, state) }

// probeTokens is how many tokens the layout is learned from: few, and no multiple of anything.
const probeTokens = 21

// learnLayout finds out how this model's state is laid out, and proves it: a state is cut, joined, restored
// into another slot and taken from there again, and must be the same bytes all the way. Afterwards all
// slots are empty.
func (r *runner) learnLayout(ctx context.Context, m *Model, slots int) error {
	defer r.ctx.ClearAll()
	from, to := 0, slots-1
	tokens := make([]base.Token, probeTokens)
	for i := range tokens {
		tokens[i] = base.Token(i * 7 % m.VocabularySize())
	}
	if err := r.Eval(ctx, []schedule.Step{{Slot: from, Tokens: tokens}}); err != nil {
		return err
	}
	state, err := r.ctx.State(from, nil)
	if err != nil {
		return err
	}
	l, err := layout.Learn(state, from, slots, probeTokens)
	if err != nil {
		return err
	}
	if err := r.proveLayout(l, state, from, to); err != nil {
		return err
	}
	r.layout = l
	return nil
}

func (r *runner) proveLayout(l *layout.Layout, state []byte, from, to int) error {
	back, err := rejoined(l, state, from, from)
	if err != nil {
		return err
	}
	if !bytes.Equal(back, state) {
		return errors.New("a state that was cut and joined has other bytes")
	}
	moved, err := rejoined(l, state, from, to)
	if err != nil {
		return err
	}
	r.ctx.ClearAll()
	if err := r.ctx.SetState(to, moved); err != nil {
		return err
	}
	again, err := r.ctx.State(to, nil)
	if err != nil {
		return err
	}
	if !bytes.Equal(again, moved) {
		return errors.New("a state that was restored has other bytes")
	}
	return nil
}

// rejoined cuts the state of one slot into pieces and joins them to one of another.
func rejoined(l *layout.Layout, state []byte, from, to int) ([]byte, error) {
	s, err := l.Parse(state, from, probeTokens)
	if err != nil {
		return nil, err
	}
	joint, err := l.Join(nil, to, probeTokens)
	if err != nil {
		return nil, err
	}
	for _, cut := range [][2]int{{0, 8}, {8, probeTokens}} {
		payload, err := l.Cut(nil, s, cut[0], cut[1])
		if err == nil {
			err = joint.Put(cut[0], payload)
		}
		if err != nil {
			return nil, err
		}
	}
	return joint.Bytes(), nil
}

// stateOptions says how prompts resume, or returns nil if the runner knows no layout. The boundaries were
// found by measuring where cold and resumed prompts agree to the last bit: kernels work on groups of 4 rows,
// with flash attention of 64 (docs/decisions/0001-prompts-in-slices.md).
func (r *runner) stateOptions(flashAttention bool) *schedule.StateOptions {
	if r.layout == nil {
		return nil
	}
	o := &schedule.StateOptions{Layout: r.layout, Align: 4, Leave: 2}
	if flashAttention {
		o.Align, o.Leave = 64, 64
	}
	return o
}

// learnState learns the layout, unless the model is of a class that cannot be saved, and says what came of it.
func (r *runner) learnState(ctx context.Context, m *Model, slots int) (base.StateInfo, error) {
	var info base.StateInfo
	info.Class, info.Reason = m.stateClass()
	if info.Reason != "" {
		return info, nil
	}
	if err := r.learnLayout(ctx, m, slots); ctx.Err() != nil {
		return info, ctx.Err()
	} else if err != nil {
		info.Reason = fmt.Sprintf("llama.cpp gives out this model's state in a form that is not known here: %v", err)
		return info, nil
	}
	info.Supported, info.TokenBytes = true, int64(r.layout.TokenBytes())
	return info, nil
}
