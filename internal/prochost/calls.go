package prochost

import (
	"context"
	"sync"

	"github.com/kvasir-cache/kvasir/hostapi/process"
	"github.com/kvasir-cache/kvasir/internal/base"
)

// tries is how often a call that may be repeated is sent.
const tries = 2

// Generate implements base.Host.
func (h *Host) Generate(ctx context.Context, r *base.Request, emit func(base.Chunk) error) (*base.Result, error) {
	return h.generate(ctx, r, emit, func(ctx context.Context, c *process.Client, emit func(base.Chunk) error) (*base.Result, error) {
		return c.Generate(ctx, r, emit)
	})
}

// sending sends one generation to a process.
type sending func(ctx context.Context, c *process.Client, emit func(base.Chunk) error) (*base.Result, error)

// generate sends r by way of send, once or twice.
func (h *Host) generate(ctx context.Context, r *base.Request, emit func(base.Chunk) error, send sending) (*base.Result, error) {
	if err := r.Validate(); err != nil {
		return nil, err
	}
	id := sync.OnceValue(func() requestID { return identifyGenerate(r) })
	if err := h.suspects.refuse(id); err != nil {
		return nil, err
	}
	for try := 1; ; try++ {
		g := &generation{send: send, emit: emit, number: h.numbers.Add(1)}
		dead, err := h.supervisor.once(ctx, func(l loaded) error { return g.run(ctx, l.client) })
		switch {
		case g.emitError != nil:
			return nil, g.emitError
		case dead == nil:
			return g.result, err
		case g.started || err == nil && dead.death.started[g.number]:
			h.suspects.add(dead.process, id())
			if err == nil {
				err = died(dead.death, "while answering")
			}
			return nil, err
		case err != nil:
			return nil, err
		case try == tries:
			return nil, died(dead.death, "before this request had started")
		}
	}
}

// generation is one Generate at one process. It belongs to one goroutine.
type generation struct {
	send      sending
	emit      func(base.Chunk) error
	emitError error // what emit returned, which says nothing about the process
	started   bool  // it took a slot, and the process could still say so
	number    uint64
	result    *base.Result
}

func (g *generation) run(ctx context.Context, c *process.Client) error {
	watched := base.WithStarted(ctx, func() {
		g.started = true
		base.Started(ctx)
	})
	var err error
	g.result, err = g.send(process.WithNumber(watched, g.number), c, func(chunk base.Chunk) error {
		g.emitError = g.emit(chunk)
		return g.emitError
	})
	if g.emitError != nil {
		return nil
	}
	return err
}

// repeatable makes a call without a queue of its own, which is worked on as soon as it arrives.
func (h *Host) repeatable(ctx context.Context, id func() requestID, call func(*process.Client) error) error {
	if err := h.suspects.refuse(id); err != nil {
		return err
	}
	for try := 1; ; try++ {
		dead, err := h.supervisor.once(ctx, func(l loaded) error { return call(l.client) })
		if dead == nil {
			return err
		}
		h.suspects.add(dead.process, id())
		if err != nil {
			return err
		}
		if try == tries {
			return died(dead.death, "while answering")
		}
	}
}

// ApplyTemplate implements base.Host.
func (h *Host) ApplyTemplate(ctx context.Context, messages []base.Message) (text string, err error) {
	id := func() requestID {
		var parts []string
		for _, m := range messages {
			parts = append(parts, m.Role, m.Content)
		}
		return identify("template", parts...)
	}
	err = h.repeatable(ctx, id, func(c *process.Client) (err error) {
		text, err = c.ApplyTemplate(ctx, messages)
		return err
	})
	return text, err
}

// Tokenize implements base.Host.
func (h *Host) Tokenize(ctx context.Context, text string, special bool) (tokens []base.Token, err error) {
	id := func() requestID { return identify("tokenize", text) }
	err = h.repeatable(ctx, id, func(c *process.Client) (err error) {
		tokens, err = c.Tokenize(ctx, text, special)
		return err
	})
	return tokens, err
}

// Embed implements base.Host.
func (h *Host) Embed(ctx context.Context, texts []string) (e *base.Embeddings, err error) {
	id := func() requestID { return identify("embed", texts...) }
	err = h.repeatable(ctx, id, func(c *process.Client) (err error) {
		e, err = c.Embed(ctx, texts)
		return err
	})
	return e, err
}
