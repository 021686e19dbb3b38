package server

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/kvasir-cache/kvasir/internal/openai"
)

// chunker makes the chunks of one kind of stream, in the order in which they are sent.
type chunker interface {
	begin() []any
	piece(job int, text string) []any
	end(job int, o outcome, details any) []any
	usage(u json.RawMessage) any
}

// stream sends answers as they come. It begins when there is something to say, so that until then an error is
// an answer of its own.
func (x *exchange) stream(ctx context.Context, jobs []job, w *wishes, p *openai.Parameters, c chunker) error {
	s := &stream{x: x, events: openai.NewStream(x.w), chunks: c}
	defer s.keepAlive()()
	outcomes, err := x.do(ctx, jobs, w, s.piece)
	if err == nil {
		err = s.end(jobs, outcomes, w, p)
	}
	if err != nil {
		s.broke(err)
	}
	return err
}

// stream is a stream under way.
type stream struct {
	x      *exchange
	chunks chunker

	mu     sync.Mutex // guards what follows
	events *openai.Stream
	begun  bool
	last   time.Time // when something was sent
}

// most of a stored answer, which comes as a whole, that one chunk carries, in bytes.
const maxPiece = 256

// piece sends a piece of a job's answer.
func (s *stream) piece(job int, text string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.beginLocked(); err != nil {
		return err
	}
	for text != "" {
		n := cut(text)
		if err := s.sendLocked(s.chunks.piece(job, text[:n])...); err != nil {
			return err
		}
		text = text[n:]
	}
	return s.flush()
}

// cut returns how much of a text one chunk carries.
func cut(text string) int {
	if len(text) <= maxPiece {
		return len(text)
	}
	n := maxPiece
	for n > maxPiece-utf8.UTFMax && !utf8.RuneStart(text[n]) {
		n--
	}
	return n
}

// beginLocked sends the headers and the first chunks, if that was not done.
func (s *stream) beginLocked() error {
	if s.begun {
		return nil
	}
	s.begun = true
	s.x.sendHeaders(map[string]string{
		"Content-Type":      "text/event-stream; charset=utf-8",
		"Cache-Control":     "no-cache",
		"X-Accel-Buffering": "no", // nginx would hold the stream back
	})
	return s.sendLocked(s.chunks.begin()...)
}

func (s *stream) sendLocked(chunks ...any) error {
	s.last = time.Now()
	for _, c := range chunks {
		if err := s.events.Send(c); err != nil {
			return err
		}
	}
	return nil
}

func (s *stream) flush() error { return http.NewResponseController(s.x.w).Flush() }

// end sends how each answer ended, the usage where it is wanted, and that the stream is whole.
func (s *stream) end(jobs []job, outcomes []outcome, w *wishes, p *openai.Parameters) error {
	usage, err := json.Marshal(s.x.usage(jobs, outcomes, p.N))
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.beginLocked(); err != nil {
		return err
	}
	for i, o := range outcomes {
		if err := s.sendLocked(s.chunks.end(i, o, w.detailsOf(o))...); err != nil {
			return err
		}
	}
	if p.IncludeUsage {
		if err := s.sendLocked(s.chunks.usage(usage)); err != nil {
			return err
		}
	}
	if err := s.events.Done(); err != nil {
		return err
	}
	return s.flush()
}

// broke tells a client whose stream has begun why it does not end as it should.
func (s *stream) broke(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.begun && s.events.Send(s.x.clientError(err)) == nil {
		_ = s.flush() // fails if the client left
	}
}

// keepAlive sends signs of life while nothing else is sent: a long prompt takes minutes to read, and whoever is
// between may not be that patient. The returned function ends it.
func (s *stream) keepAlive() (stop func()) {
	ended := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		tick := time.NewTicker(s.x.server.waitPeriod)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				s.wait()
			case <-ended:
				return
			}
		}
	})
	return func() {
		close(ended)
		running.Wait()
	}
}

func (s *stream) wait() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.last) < s.x.server.waitPeriod || s.beginLocked() != nil {
		return
	}
	if s.events.Wait() == nil {
		_ = s.flush() // fails if the client left
	}
}
