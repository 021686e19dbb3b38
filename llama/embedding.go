//go:build llama

package llama

import (
	"context"
	"errors"
	"runtime"
	"sync"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// embedding serves Embed, one call at a time, on a goroutine that keeps its thread: OpenMP keeps
// threads for every thread that ever used it. Goroutine and context are started by the first call,
// since most hosts never get one.
type embedding struct {
	model   *Model
	options base.LoadOptions
	start   func()
	calls   chan func()
	closing chan struct{}
	stop    func()
	done    sync.WaitGroup

	// Of the goroutine alone:
	embedder *embedder
	refusal  error // why this model cannot embed
}

var errHostClosing = &base.Error{Sentinel: base.ErrUnavailable, Message: "the inference host is closing"}

func newEmbedding(m *Model, o base.LoadOptions) *embedding {
	e := &embedding{model: m, options: o, calls: make(chan func()), closing: make(chan struct{})}
	e.start = sync.OnceFunc(func() { e.done.Go(e.loop) })
	e.stop = sync.OnceFunc(func() { close(e.closing) })
	return e
}

func (e *embedding) close() {
	e.stop()
	e.done.Wait()
}

func (e *embedding) loop() {
	runtime.LockOSThread()
	defer func() {
		if e.embedder != nil {
			e.embedder.close()
		}
	}()
	for {
		select {
		case call := <-e.calls:
			call()
		case <-e.closing:
			return
		}
	}
}

func (e *embedding) embed(ctx context.Context, texts []string) (result *base.Embeddings, err error) {
	e.start()
	finished := make(chan struct{})
	call := func() {
		defer close(finished)
		result, err = e.run(ctx, texts)
	}
	select {
	case e.calls <- call:
		<-finished
		return result, err
	case <-e.closing:
		return nil, errHostClosing
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (e *embedding) run(ctx context.Context, texts []string) (*base.Embeddings, error) {
	if err := e.open(); err != nil {
		return nil, err
	}
	result := &base.Embeddings{}
	for _, text := range texts {
		tokens, err := e.model.Tokenize(text, true)
		if err != nil {
			return nil, err
		}
		vector, err := e.embedder.embed(ctx, tokens)
		if err != nil {
			return nil, err
		}
		result.Vectors = append(result.Vectors, vector)
		result.Usage.PromptTokens += len(tokens)
	}
	return result, nil
}

// open makes the embedder if there is none. That a model cannot embed is remembered; a lack of memory
// may pass.
func (e *embedding) open() (err error) {
	if e.embedder != nil || e.refusal != nil {
		return e.refusal
	}
	e.embedder, err = newEmbedder(e.model, e.options)
	if errors.Is(err, base.ErrUnsupported) {
		e.refusal = err
	}
	return err
}
