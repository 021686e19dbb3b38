package hosttest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"time"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/blob"
)

// RestoreTime is what restoring a token takes, according to Timings.
const RestoreTime = 10 * time.Microsecond

// Where a prompt may resume, as with llama.cpp: at a multiple of stateAlign, with stateLeave left to read.
const (
	stateAlign = 4
	stateLeave = 2
)

// tokenBytes is the state of a token: its id.
const tokenBytes = 4

func (h *Host) stateInfo() base.StateInfo {
	if h.options.NoState {
		return base.StateInfo{Class: "recurrent", Reason: "the fake model is recurrent"}
	}
	return base.StateInfo{Supported: true, Class: "attention", TokenBytes: tokenBytes}
}

// GenerateState implements base.StateHost. The state of a chunk is its token ids. Done is called before it
// returns, or from a goroutine once the gate AtReport lets it through.
func (h *Host) GenerateState(ctx context.Context, r *base.Request, plan *base.StatePlan, emit func(base.Chunk) error) (*base.Result, error) {
	h.notePlan(plan)
	st := &state{plan: plan}
	if h.options.NoState && plan.Save {
		st.report.Trouble = h.stateInfo().Reason
	}
	result, err := h.generate(ctx, r, st, emit)
	switch {
	case err != nil:
	case h.options.NoState:
		st.report.Computed = len(result.PromptTokens)
	default:
		st.saveAfter(result)
	}
	h.tell(r, st)
	return result, err
}

func (h *Host) notePlan(plan *base.StatePlan) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.mu.plans = append(h.mu.plans, plan)
}

// Plans returns the plans of all GenerateState and Prefill calls so far.
func (h *Host) Plans() []*base.StatePlan {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]*base.StatePlan(nil), h.mu.plans...)
}

// tell calls Done, behind the gate if there is one.
func (h *Host) tell(r *base.Request, st *state) {
	if st.plan.Done == nil {
		return
	}
	h.mu.Lock()
	gate := h.mu.gates[AtReport]
	h.mu.Unlock()
	if gate == nil {
		st.plan.Done(&st.report)
		return
	}
	go func() {
		_ = gate.wait(context.Background(), r)
		st.plan.Done(&st.report)
	}()
}

// Prefill implements base.StateHost. It does not wait for others to end.
func (h *Host) Prefill(ctx context.Context, tokens []base.Token, plan *base.StatePlan) (*base.StateReport, error) {
	if err := h.enter(ctx, Prefill); err != nil {
		return nil, err
	}
	if h.options.NoState {
		return nil, &base.Error{Sentinel: base.ErrUnsupported, Message: h.stateInfo().Reason}
	}
	h.notePlan(plan)
	base.Started(ctx)
	st := &state{plan: plan}
	st.restore(tokens)
	st.save(tokens, len(tokens), (len(tokens)-stateLeave)/stateAlign*stateAlign)
	return &st.report, nil
}

// CheckState implements base.StateChecker: the fake host computes the same every time.
func (h *Host) CheckState(ctx context.Context, lengths []int, progress func(done float64)) (*base.StateCheck, error) {
	if err := h.enter(ctx, CheckState); err != nil {
		return nil, err
	}
	if h.options.NoState {
		return nil, &base.Error{Sentinel: base.ErrUnsupported, Message: h.stateInfo().Reason}
	}
	if progress != nil {
		progress(1)
	}
	found := &base.StateCheck{Identical: true, Took: time.Millisecond}
	for _, n := range lengths {
		found.Trials = append(found.Trials, base.StateTrial{Length: n, Resumed: n / 2, Identical: true})
	}
	return found, nil
}

// state is what becomes of one plan.
type state struct {
	plan   *base.StatePlan
	report base.StateReport
	full   int // tokens of full chunks that were restored, and need not be saved
}

// restore reads the chunks of a prompt up to the first that cannot be used, and returns how many tokens
// that restored.
func (st *state) restore(prompt []base.Token) int {
	r := &st.report
	parent, from := st.plan.Seed, 0
	for _, n := range st.plan.Restore {
		if n < 1 || n > base.ChunkTokens || len(prompt)-from-n < stateLeave || (from+n)%stateAlign != 0 {
			break
		}
		key := blob.NextKey(parent, prompt[from:from+n])
		origin, err := st.read(key, from, prompt[from:from+n])
		if err != nil {
			r.Bad = append(r.Bad, base.BadChunk{Key: key, Reason: err.Error()})
			break
		}
		if r.Origin != base.OriginDecode {
			r.Origin = origin
		}
		parent, from = key, from+n
	}
	r.Restored, r.Restore = from, RestoreTime*time.Duration(from)
	r.Computed, r.Prefill = len(prompt)-from, PrefillTime*time.Duration(len(prompt)-from)
	st.full = from / base.ChunkTokens * base.ChunkTokens
	return from
}

func (st *state) read(key blob.Key, from int, tokens []base.Token) (base.Origin, error) {
	want := blob.Header{ID: st.plan.ID, Key: key, From: from, Tokens: len(tokens), Sealed: st.plan.Sealed}
	payload, got, err := blob.Read(blob.Path(st.plan.Dir, key), &st.plan.Secret, &want, nil)
	if err == nil && !bytes.Equal(payload, encodeTokens(tokens)) {
		err = errors.New("it holds the state of other tokens")
	}
	return got.Origin, err
}

func encodeTokens(tokens []base.Token) (b []byte) {
	for _, t := range tokens {
		b = binary.LittleEndian.AppendUint32(b, uint32(t))
	}
	return b
}

// saveAfter saves what the plan wants saved of a request that was answered.
func (st *state) saveAfter(result *base.Result) {
	prompt := result.PromptTokens
	st.save(prompt, len(prompt), (len(prompt)-stateLeave)/stateAlign*stateAlign)
	if !st.plan.SaveAnswer || st.plan.Save && st.report.Prefill < st.plan.MinPrefill {
		return
	}
	whole := append(prompt[:len(prompt):len(prompt)], result.Tokens...)
	st.full = max(st.full, len(prompt)/base.ChunkTokens*base.ChunkTokens)
	st.write(whole, len(prompt), len(whole)/stateAlign*stateAlign)
}

// save saves a prompt, with a shorter last chunk that ends at short, if the plan wants that.
func (st *state) save(prompt []base.Token, read, short int) {
	if st.plan.Save && st.report.Prefill >= st.plan.MinPrefill {
		if short <= st.report.Restored {
			short = 0
		}
		st.write(prompt, read, short)
	}
}

// write writes full chunks from st.full on, and one that ends at short. Tokens behind read were decoded.
func (st *state) write(tokens []base.Token, read, short int) {
	const size = base.ChunkTokens
	var spans [][2]int
	for from := st.full; from+size <= len(tokens); from += size {
		spans = append(spans, [2]int{from, from + size})
	}
	if begin := max(short/size*size, st.full); short > begin && short < begin+size {
		spans = append(spans, [2]int{begin, short})
	}
	for _, span := range spans {
		if err := st.writeChunk(tokens, read, span[0], span[1]); err != nil {
			st.report.Trouble = err.Error()
			return
		}
	}
}

func (st *state) writeChunk(tokens []base.Token, read, from, to int) error {
	parent := st.plan.Seed
	for at := 0; at < from; at += base.ChunkTokens {
		parent = blob.NextKey(parent, tokens[at:at+base.ChunkTokens])
	}
	c := base.SavedChunk{Key: blob.NextKey(parent, tokens[from:to]), Parent: parent, From: from, Tokens: tokens[from:to:to],
		Origin: base.OriginPrefill, Cost: PrefillTime * time.Duration(to-from)}
	if to > read || st.report.Origin == base.OriginDecode {
		c.Origin = base.OriginDecode
	}
	var err error
	c.Temp, c.Bytes, err = blob.Write(st.plan.Dir, &st.plan.Secret,
		&blob.Header{ID: st.plan.ID, Key: c.Key, From: from, Tokens: to - from, Origin: c.Origin, Sealed: st.plan.Sealed}, encodeTokens(c.Tokens))
	if err == nil {
		st.report.Saved = append(st.report.Saved, c)
	}
	return err
}
