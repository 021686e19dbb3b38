// Package schedule runs many requests on one model context at once (continuous batching).
//
// A Scheduler owns a Runner and drives it from one goroutine, locked to its thread. Every request
// in work has a slot, which is a stream of the context. A round of the loop decodes one token for
// every answer under way, in one batch, and then reads one slice of one prompt. Prompts are read
// apart from answers and from each other, always from multiples of 64 tokens, so what a prompt
// becomes in memory does not depend on who else is there.
//
// A request may come with a plan for saved state (see GenerateState): the beginning of its prompt is then
// put into its slot from files instead of being read, and what was read is saved to files. Files are
// read, checked and written apart from the loop, which goes on with other requests meanwhile.
//
// It knows nothing of llama.cpp's functions, of processes or of templates: prompts come in as tokens.
package schedule

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"time"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// Runner is one model context. The scheduler calls it from one goroutine.
type Runner interface {
	// Eval runs the tokens of all steps through the model in one batch. If it fails, or ctx ends
	// meanwhile, the slots of the steps may hold a part of them.
	Eval(ctx context.Context, steps []Step) error
	// NewSampler makes the sampler of one request.
	NewSampler(s *base.Sampling, prompt []base.Token) (Sampler, error)
	// Clear empties a slot.
	Clear(slot int)
	// Reset empties every slot and overwrites its memory.
	Reset()
	// State returns the whole state of a slot that holds that many tokens, as Options.State.Layout
	// describes it, in the memory of buf if that has room. After an ErrSlotLost the slot may hold
	// anything; after other errors it holds what it held.
	State(slot, tokens int, buf []byte) ([]byte, error)
	// SetState replaces what a slot holds. If it fails, the slot may hold anything.
	SetState(slot int, state []byte) error
}

// ErrSlotLost marks a failure of State that left the slot unusable.
var ErrSlotLost = errors.New("the slot's memory is lost")

// Sampler chooses the tokens of one answer.
type Sampler interface {
	// Next chooses a token from the output of the i-th step of the last Eval. An ErrInvalid is the
	// request's own doing; after any other error the slot's memory is not trusted.
	Next(i int) (base.Token, error)
	Close()
}

// Vocabulary turns tokens into text.
type Vocabulary interface {
	// AppendPiece appends the bytes of a token, which may be part of a UTF-8 character.
	AppendPiece(dst []byte, token base.Token) []byte
	// IsEnd reports whether a token ends an answer.
	IsEnd(token base.Token) bool
}

// Step is a run of tokens for one slot. Output asks for what follows the last of them.
type Step struct {
	Slot     int
	Position int // of the first token
	Tokens   []base.Token
	Output   bool
}

// Options says how much a Scheduler takes on at once.
type Options struct {
	Slots   int // requests in work
	Context int // tokens a slot can hold
	Queue   int // requests that may wait for a slot; 0 means 64
	// MaxSlice is the longest slice of a prompt, in tokens, rounded down to a multiple of 64; 0 means
	// 512. The last slice of a prompt may be up to 63 tokens longer (see MaxStep).
	MaxSlice int
	// State says how state is saved; nil means that it cannot be.
	State *StateOptions
	// Now is the clock of the timings; nil means time.Now.
	Now func() time.Time
}

// MaxStep is the most tokens the scheduler puts into one Eval.
func (o Options) MaxStep() int { return max(o.withDefaults().MaxSlice+alignment-1, o.Slots) }

func (o Options) withDefaults() Options {
	if o.Queue == 0 {
		o.Queue = 64
	}
	if o.MaxSlice == 0 {
		o.MaxSlice = 512
	}
	o.MaxSlice = max(o.MaxSlice/alignment*alignment, alignment)
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// errClosed is what requests get whose scheduler was closed under them.
var errClosed = &base.Error{Sentinel: base.ErrUnavailable, Message: "the inference host is closing"}

// Scheduler serves requests until it is closed. Its methods may be called from any goroutine.
type Scheduler struct {
	runner     Runner
	vocabulary Vocabulary
	options    Options
	pace       pace

	wake    chan struct{} // holds one token while there may be something new to see
	closing context.Context
	close   context.CancelFunc
	done    chan struct{}

	mu struct {
		sync.Mutex
		queue      []*job
		background []*job // of Prefill; they wait until nobody else does
		tasks      []*task
		restored   []*restored // what goroutines have made ready
		closed     bool
	}

	files sync.WaitGroup // goroutines that read and write chunk files
	loads chan struct{}  // holds a token for each restore under way
	saves chan struct{}  // holds a token for each state being written
	spare buffers        // for states
	reads buffers        // for chunks that are read

	// Of the loop's goroutine alone:
	slots   []*job // nil where free
	freed   bool   // a slot was freed since the loop looked at who waits for one
	tainted []bool // slots a failed computation may have left bad values in
	turn    int    // the slot whose prompt was read last
	steps   []Step
	piece   []byte
}

// New starts a scheduler over runner. The caller closes runner after Close has returned.
func New(runner Runner, vocabulary Vocabulary, o Options) *Scheduler {
	o = o.withDefaults()
	s := &Scheduler{
		runner: runner, vocabulary: vocabulary, options: o, pace: pace{max: o.MaxSlice},
		wake: make(chan struct{}, 1), done: make(chan struct{}),
		loads: make(chan struct{}, maxRestores), saves: make(chan struct{}, maxSaves),
		slots: make([]*job, o.Slots), tainted: make([]bool, o.Slots),
	}
	s.closing, s.close = context.WithCancel(context.Background())
	go s.loop()
	return s
}

// Close ends every request with base.ErrUnavailable and waits for the loop to stop, and for every plan's
// Done to return. It is safe to call twice.
func (s *Scheduler) Close() error {
	s.mu.Lock()
	s.mu.closed = true
	s.mu.Unlock()
	s.close()
	<-s.done
	s.files.Wait()
	return nil
}

// Do runs f on the loop's goroutine between two rounds, when the runner is at rest, and returns
// after it. A long f holds up every request.
func (s *Scheduler) Do(ctx context.Context, f func()) error {
	t := &task{run: f, done: make(chan struct{})}
	s.mu.Lock()
	if s.mu.closed {
		s.mu.Unlock()
		return errClosed
	}
	s.mu.tasks = append(s.mu.tasks, t)
	s.mu.Unlock()
	s.nudge()
	select {
	case <-t.done:
		return nil
	case <-s.done:
		return errClosed
	case <-ctx.Done():
		if t.abandon() {
			return ctx.Err()
		}
		<-t.done
		return nil
	}
}

func (s *Scheduler) nudge() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *Scheduler) loop() {
	runtime.LockOSThread() // keeps llama.cpp's caches and any thread-local state with one thread
	defer close(s.done)
	for s.closing.Err() == nil {
		s.runTasks()
		s.finishRestores()
		s.freed = false
		s.admit()
		if !s.round() && !s.freed {
			select {
			case <-s.wake:
			case <-s.closing.Done():
			}
		}
	}
	s.failAll()
}

// round does one turn of work and reports whether there was any.
func (s *Scheduler) round() bool {
	s.dropCancelled()
	decoded := s.decode()
	prefilled := s.prefill()
	return decoded || prefilled
}

// failAll ends what is left when the scheduler closes.
func (s *Scheduler) failAll() {
	s.mu.Lock()
	queue := append(s.mu.queue, s.mu.background...)
	s.mu.queue, s.mu.background, s.mu.tasks, s.mu.restored = nil, nil, nil, nil
	s.mu.Unlock()
	for _, j := range queue {
		j.end(nil, errClosed)
	}
	for _, j := range s.slots {
		if j != nil {
			s.release(j, nil, errClosed)
		}
	}
}

// task is a function waiting for its turn on the loop's goroutine.
type task struct {
	mu    sync.Mutex
	run   func() // nil once taken or abandoned
	done  chan struct{}
	begun bool
}

// abandon takes the task back; it reports false if it has begun.
func (t *task) abandon() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.run = nil
	return !t.begun
}

func (t *task) take() func() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.begun = t.run != nil
	return t.run
}

func (s *Scheduler) runTasks() {
	s.mu.Lock()
	tasks := s.mu.tasks
	s.mu.tasks = nil
	s.mu.Unlock()
	for _, t := range tasks {
		if run := t.take(); run != nil {
			run()
		}
		close(t.done)
	}
}

// isCancel reports whether err is the end of a context.
func isCancel(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
