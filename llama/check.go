//go:build llama

package llama

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/schedule"
)

var _ base.StateChecker = (*Host)(nil)

// Extent of a check.
const (
	followFull   = 16  // tokens that follow a prompt and are compared too
	followShort  = 8   // the same of the short form
	slicesCold   = 512 // slices of prompts differ on purpose: they may not change a number
	slicesResume = 128
)

// CheckState implements base.StateChecker.
func (h *Host) CheckState(ctx context.Context, lengths []int, progress func(done float64)) (*base.StateCheck, error) {
	if !h.state.Supported {
		return nil, &base.Error{Sentinel: base.ErrUnsupported, Message: h.state.Reason}
	}
	ctx, end, err := h.checking.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	began := time.Now()
	runtime.LockOSThread() // as the scheduler does
	defer runtime.UnlockOSThread()
	c, err := newChecker(ctx, h, lengths)
	if err != nil {
		return nil, err
	}
	defer c.runner.close()
	if progress != nil {
		c.progress = progress
	}
	if err := c.run(); err != nil {
		if cause := context.Cause(ctx); cause == errClosing {
			err = cause
		}
		return nil, err
	}
	c.found.Took = time.Since(began)
	return &c.found, nil
}

// checking keeps the model open while checks use it.
type checking struct {
	closing context.Context
	cancel  context.CancelFunc

	mu    sync.Mutex     // held while under may grow
	under sync.WaitGroup // checks under way
}

var errClosing = &base.Error{Sentinel: base.ErrUnavailable, Message: "the inference host is closing"}

func newChecking() *checking {
	c := &checking{}
	c.closing, c.cancel = context.WithCancel(context.Background())
	return c
}

// begin returns a context that ends when the host closes, and a function that ends the check.
func (c *checking) begin(ctx context.Context) (context.Context, func(), error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing.Err() != nil {
		return nil, nil, errClosing
	}
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(c.closing, func() { cancel(errClosing) })
	c.under.Add(1)
	return ctx, func() { stop(); cancel(nil); c.under.Done() }, nil
}

// close ends all checks and waits for them.
func (c *checking) close() {
	c.mu.Lock()
	c.cancel()
	c.mu.Unlock()
	c.under.Wait()
}

// checker compares prompts in a context of its own. It belongs to one goroutine.
type checker struct {
	ctx      context.Context
	runner   *runner
	state    *schedule.StateOptions
	lengths  []int
	busy     bool // compare beside another request too
	follow   int
	tokens   []base.Token // of every prompt, which are beginnings of one another
	other    int          // tokens that the other request holds
	progress func(done float64)
	found    base.StateCheck
}

const (
	checkedSlot = 0
	otherSlot   = 1
	checkSlots  = 2
	otherTokens = 70
)

func newChecker(ctx context.Context, h *Host, lengths []int) (*checker, error) {
	c := &checker{ctx: ctx, lengths: lengths, busy: true, follow: followFull, progress: func(float64) {}}
	c.found.Identical = true
	if len(lengths) == 0 {
		c.busy, c.follow, c.lengths = false, followShort, []int{base.ChunkTokens + 8}
		if h.options.FlashAttention {
			c.lengths = []int{2*base.ChunkTokens + 2}
		}
	}
	longest := slices.Max(c.lengths)
	if low := slices.Min(c.lengths); low < 1 || longest > h.options.Context {
		return nil, &base.Error{Sentinel: base.ErrInvalid, Message: fmt.Sprintf("lengths to check are between 1 and the context of %d tokens, not %v", h.options.Context, lengths)}
	}
	o := h.options
	o.Parallel = checkSlots
	o.Context = longest + otherTokens + c.follow*(4*len(c.lengths)+1)
	if need := checkSlots * int64(o.Context) * h.state.TokenBytes; !o.IgnoreMemory && need > availableMemory() {
		return nil, &base.Error{Sentinel: base.ErrOverloaded, Message: fmt.Sprintf("the check needs %s of memory; %s are free", memorySize(need), memorySize(availableMemory()))}
	}
	var err error
	if c.runner, err = newRunner(h.model, o, schedule.Options{MaxSlice: slicesCold, Slots: checkSlots}.MaxStep()); err != nil {
		return nil, err
	}
	if err := c.runner.learnLayout(ctx, h.model, checkSlots); err != nil {
		c.runner.close()
		return nil, err
	}
	c.state = c.runner.stateOptions(o.FlashAttention)
	c.tokens = checkTokens(longest+c.follow, h.model.VocabularySize())
	return c, nil
}

// checkTokens returns n tokens in no order.
func checkTokens(n, vocabulary int) []base.Token {
	tokens := make([]base.Token, n)
	x := uint32(1)
	for i := range tokens {
		x = x*1664525 + 1013904223
		tokens[i] = base.Token(int(x>>8) % vocabulary)
	}
	return tokens
}

func (c *checker) run() error {
	done := 0
	for _, length := range c.lengths {
		if err := c.compare(length, false); err != nil {
			return err
		}
		if c.busy {
			if err := c.compare(length, true); err != nil {
				return err
			}
		}
		done += length
		c.progress(float64(done) / float64(sum(c.lengths)))
	}
	return nil
}

func sum(list []int) (n int) {
	for _, v := range list {
		n += v
	}
	return n
}

// places lists where a prompt may resume: at the last place, at the last full chunk, and half way.
func (c *checker) places(length int) []int {
	last := (length - c.state.Leave) / c.state.Align * c.state.Align
	var places []int
	for _, p := range []int{last, last / base.ChunkTokens * base.ChunkTokens, last / 2 / c.state.Align * c.state.Align} {
		if p > 0 && !slices.Contains(places, p) {
			places = append(places, p)
		}
	}
	return places
}

// compare reads a prompt from the beginning, and again from each place where it may resume.
func (c *checker) compare(length int, busy bool) error {
	cold, err := c.read(0, length, busy)
	if err != nil {
		return err
	}
	state, err := c.runner.State(checkedSlot, length+c.follow, nil)
	if err != nil {
		return err
	}
	if busy {
		alone, err := c.read(0, length, false)
		if err != nil {
			return err
		}
		_, difference := differ(cold, alone)
		c.found.Cold = max(c.found.Cold, difference)
	}
	for _, place := range c.places(length) {
		resumed, err := c.resume(state, place, length, busy)
		if err != nil {
			return err
		}
		c.note(base.StateTrial{Length: length, Resumed: place, Busy: busy}, cold, resumed)
	}
	return nil
}

func (c *checker) note(t base.StateTrial, cold, resumed [][]float32) {
	t.Identical, t.Difference = differ(cold, resumed)
	c.found.Trials = append(c.found.Trials, t)
	if t.Busy {
		c.found.Busy = max(c.found.Busy, t.Difference)
		return
	}
	c.found.Identical = c.found.Identical && t.Identical
	c.found.Difference = max(c.found.Difference, t.Difference)
}

// differ compares logits bit by bit, and says how far apart they are. What is not a number is infinitely far
// from everything.
func differ(a, b [][]float32) (identical bool, most float64) {
	identical = len(a) == len(b)
	for i := range min(len(a), len(b)) {
		for j, x := range a[i] {
			y := b[i][j]
			if math.Float32bits(x) != math.Float32bits(y) {
				identical = false
			}
			d := math.Abs(float64(x) - float64(y))
			if math.IsNaN(d) && !(math.IsInf(float64(x), 0) && x == y) {
				d = math.Inf(1)
			}
			most = max(most, d)
		}
	}
	return identical, most
}

// resume restores the first place tokens out of a longer state and reads the rest of the prompt.
func (c *checker) resume(state []byte, place, length int, busy bool) ([][]float32, error) {
	l := c.state.Layout
	parsed, err := l.Parse(state, checkedSlot, length+c.follow)
	if err != nil {
		return nil, err
	}
	joint, err := l.Join(nil, checkedSlot, place)
	if err != nil {
		return nil, err
	}
	for from := 0; from < place; from += base.ChunkTokens {
		payload, err := l.Cut(nil, parsed, from, min(from+base.ChunkTokens, place))
		if err == nil {
			err = joint.Put(from, payload)
		}
		if err != nil {
			return nil, err
		}
	}
	c.runner.Reset()
	if err := c.runner.SetState(checkedSlot, joint.Bytes()); err != nil {
		return nil, err
	}
	return c.readFrom(place, length, slicesResume, busy)
}

// read reads a prompt from the beginning and returns the logits behind it and behind each token that
// follows.
func (c *checker) read(from, length int, busy bool) ([][]float32, error) {
	c.runner.Reset()
	return c.readFrom(from, length, slicesCold, busy)
}

func (c *checker) readFrom(from, length, slice int, busy bool) ([][]float32, error) {
	if busy {
		if err := c.startOther(); err != nil {
			return nil, err
		}
	}
	for from < length {
		end := schedule.SliceEnd(from, length, slice)
		if err := c.eval(schedule.Step{Slot: checkedSlot, Position: from, Tokens: c.tokens[from:end], Output: end == length}); err != nil {
			return nil, err
		}
		from = end
	}
	logits := [][]float32{c.logits()}
	for i := range c.follow {
		steps := []schedule.Step{{Slot: checkedSlot, Position: length + i, Tokens: c.tokens[length+i : length+i+1], Output: true}}
		if busy {
			steps = append(steps, c.otherStep())
		}
		if err := c.eval(steps...); err != nil {
			return nil, err
		}
		logits = append(logits, c.logits())
	}
	return logits, nil
}

// startOther has the other request read its prompt.
func (c *checker) startOther() error {
	c.other = min(otherTokens, len(c.tokens))
	return c.eval(schedule.Step{Slot: otherSlot, Tokens: c.tokens[len(c.tokens)-c.other:], Output: true})
}

// otherStep is the next token of the other request's answer.
func (c *checker) otherStep() schedule.Step {
	c.other++
	return schedule.Step{Slot: otherSlot, Position: c.other - 1, Tokens: c.tokens[:1], Output: true}
}

func (c *checker) eval(steps ...schedule.Step) error { return c.runner.Eval(c.ctx, steps) }

// logits returns those of the first step that was evaluated last.
func (c *checker) logits() []float32 { return slices.Clone(c.runner.ctx.Logits(c.runner.outputs[0])) }
