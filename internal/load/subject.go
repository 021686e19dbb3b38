package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"github.com/kvasir-cache/kvasir/engine"
	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/control"
	"github.com/kvasir-cache/kvasir/internal/hosttest"
	"github.com/kvasir-cache/kvasir/internal/plugin"
	"github.com/kvasir-cache/kvasir/internal/server"
)

// subjectRole is the argument with which this program is the server that is measured.
const subjectRole = "subject"

// addresses are where a subject listens.
type addresses struct {
	API     string `json:"api"`
	Control string `json:"control"` // answers with the same bytes, and tells figures
}

// figures are what a subject says of itself.
type figures struct {
	Goroutines int    `json:"goroutines"`
	Heap       uint64 `json:"heap"`       // bytes in use after a collection
	Inferences int64  `json:"inferences"` // begun
	Running    int64  `json:"running"`    // inferences now
	Peak       int64  `json:"peak"`       // most at once
}

// subject is a server over a real store and a model that pretends.
type subject struct {
	engine *engine.Engine
	host   *hosttest.Host

	inferences, running, peak atomic.Int64
}

// serveSubject serves until its standard input ends.
func serveSubject() error {
	dir, err := os.MkdirTemp("", "kvasir-load-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	at, ended, err := startSubject(ctx, dir)
	if err != nil {
		return err
	}
	if err := json.NewEncoder(os.Stdout).Encode(at); err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	cancel()
	return <-ended
}

// startSubject starts a subject with a store in dir. It ends with ctx, and says so.
func startSubject(ctx context.Context, dir string) (at addresses, ended <-chan error, err error) {
	s := &subject{host: hosttest.New(hosttest.Options{})}
	if s.engine, err = engine.Open(engine.Options{Dir: dir}); err != nil {
		return at, nil, err
	}
	srv, err := server.New(server.Options{Model: s, Name: "pretended", Token: "no-one-looks-after-it", Settings: server.Settings{Control: true}})
	if err != nil {
		return at, nil, errors.Join(err, s.engine.Close())
	}
	api, errAPI := net.Listen("tcp", "127.0.0.1:0")
	beside, errControl := net.Listen("tcp", "127.0.0.1:0")
	if err := errors.Join(errAPI, errControl); err != nil {
		return at, nil, errors.Join(err, s.engine.Close())
	}
	at = addresses{API: "http://" + api.Addr().String(), Control: "http://" + beside.Addr().String()}
	plain := &http.Server{Handler: s.control()}
	done := make(chan error, 1)
	go func() { _ = plain.Serve(beside) }()
	go func() {
		err := srv.Serve(ctx, server.Listeners{API: api, Drain: time.Second})
		done <- errors.Join(err, plain.Close(), s.engine.Close())
	}()
	return at, done, nil
}

// control answers at the API's path with the bytes that it is told to, and nothing else is done for that.
func (s *subject) control() http.Handler {
	var same atomic.Pointer[[]byte]
	mux := http.NewServeMux()
	mux.HandleFunc("PUT /same", func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		same.Store(&body)
	})
	mux.HandleFunc("POST "+chatPath, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(*same.Load())
	})
	mux.HandleFunc("GET /figures", func(w http.ResponseWriter, _ *http.Request) {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		_ = json.NewEncoder(w).Encode(figures{runtime.NumGoroutine(), m.HeapAlloc, s.inferences.Load(), s.running.Load(), s.peak.Load()})
	})
	return mux
}

// A slow prompt is answered piece by piece.
const (
	slowPrompt = "slow "
	slowPieces = 50
	slowPause  = 100 * time.Millisecond
)

// infer pretends to be a model.
func (s *subject) infer(ctx context.Context, r *base.Request, emit func(base.Chunk) error) (*base.Result, error) {
	s.inferences.Add(1)
	now := s.running.Add(1)
	defer s.running.Add(-1)
	for most := s.peak.Load(); now > most && !s.peak.CompareAndSwap(most, now); most = s.peak.Load() {
	}
	pieces, pause := 1, time.Duration(0)
	switch prompt := r.Messages[len(r.Messages)-1].Content; {
	case strings.HasPrefix(prompt, hardPrompt):
		return nil, work(ctx)
	case strings.HasPrefix(prompt, slowPrompt):
		pieces, pause = slowPieces, slowPause
	}
	var text strings.Builder
	for i := range pieces {
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		piece := fmt.Sprintf("This is piece %d of an answer of the length that answers have. ", i)
		text.WriteString(piece)
		if err := emit(base.Chunk{Text: piece}); err != nil {
			return nil, err
		}
	}
	return &base.Result{Text: text.String(), FinishReason: base.FinishStop, Usage: base.Usage{PromptTokens: 8, CompletionTokens: 16}}, nil
}

func (s *subject) Answer(ctx context.Context, q *engine.Query, emit func(base.Chunk) error) (*engine.Answer, error) {
	infer := func(ctx context.Context, emit func(base.Chunk) error) (*base.Result, error) {
		return s.infer(ctx, q.Request, emit)
	}
	return s.engine.Serve(ctx, q, infer, emit)
}

func (s *subject) Stored(context.Context, *engine.Query, func(base.Chunk) error) (*engine.Answer, error) {
	return nil, engine.ErrNotStored
}

func (s *subject) Why(ctx context.Context, q *engine.Query) (*engine.Why, error) {
	return s.engine.Why(ctx, q)
}

func (s *subject) Host() base.Host                          { return s.host }
func (s *subject) Process() (pid int, deaths, other uint64) { return 0, 0, 0 }
func (s *subject) Store() control.Store                     { return s.engine }
func (s *subject) Plugins() []plugin.Status                 { return nil }

var _ server.Model = (*subject)(nil)
