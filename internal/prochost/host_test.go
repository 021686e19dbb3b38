package prochost

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/hosttest"
	"github.com/kvasir-cache/kvasir/internal/hosttest/testproc"
)

func TestHost_AnswersThroughItsProcess(t *testing.T) {
	t.Parallel()
	h := newSetup(t).open(t)
	ctx := t.Context()
	mustAnswer(t, h, "hello")
	messages := []base.Message{{Role: base.RoleUser, Content: "hi"}}
	if text, err := h.ApplyTemplate(ctx, messages); err != nil || text != hosttest.Template(messages...) {
		t.Errorf("template %q, %v", text, err)
	}
	if tokens, err := h.Tokenize(ctx, "a b", true); err != nil || !reflect.DeepEqual(tokens, hosttest.Tokens("a b", true)) {
		t.Errorf("tokens %v, %v", tokens, err)
	}
	if e, err := h.Embed(ctx, []string{"a"}); err != nil || !reflect.DeepEqual(e.Vectors, [][]float32{hosttest.Vector("a")}) {
		t.Errorf("embeddings %v, %v", e, err)
	}
	if info, err := h.Info(ctx); err != nil || info.Runtime.Backend != "fake" {
		t.Errorf("info %+v, %v", info, err)
	}
	if _, err := ask(ctx, h, ""); !errors.Is(err, base.ErrInvalid) {
		t.Errorf("empty prompt: %v; want ErrInvalid", err)
	}
	if s := h.Status(); s.PID == 0 || s.PID == os.Getpid() || s.Deaths != 0 {
		t.Errorf("status %+v", s)
	}
}

func TestHost_PassesStartedAndEmitErrorsOn(t *testing.T) {
	t.Parallel()
	h := newSetup(t).open(t)
	started := false
	full := &base.Error{Sentinel: base.ErrUnavailable, Message: "reader is gone"}
	ctx := base.WithStarted(t.Context(), func() { started = true })
	_, err := h.Generate(ctx, &base.Request{Prompt: "hello"}, func(base.Chunk) error { return full })
	if !errors.Is(err, full) || !started {
		t.Errorf("error %v, started %v; want emit's error and true", err, started)
	}
	if s := h.Status(); s.Deaths != 0 {
		t.Errorf("the process died of a reader's error: %+v", s)
	}
}

func TestHost_CancelEndsACall(t *testing.T) {
	t.Parallel()
	h := newSetup(t).open(t)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := h.Generate(ctx, &base.Request{Prompt: hosttest.HangPrompt}, func(base.Chunk) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) || h.Status().Deaths != 0 {
		t.Errorf("error %v, status %+v", err, h.Status())
	}
	if _, err := h.Info(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("info: %v", err)
	}
}

func TestOpen_ReportsProgress(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	var stages []string
	s.options.Progress = func(stage string, done float64) { stages = append(stages, stage) }
	s.open(t)
	if want := []string{"reading the model", "reading the model", "ready"}; !reflect.DeepEqual(stages, want) {
		t.Errorf("stages %q; want %q", stages, want)
	}
}

// openFails opens a host that cannot be opened and returns the error.
func openFails(t *testing.T, ctx context.Context, s *setup) error {
	t.Helper()
	h, err := Open(ctx, s.options)
	if err == nil {
		h.Close()
		t.Fatal("it opened")
	}
	if left := s.socketsLeft(t); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
	return err
}

func TestOpen_SaysWhyAModelDoesNotLoad(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	s.options.Load.Model = filepath.Join(s.dir, "absent")
	err := openFails(t, t.Context(), s)
	if !errors.Is(err, base.ErrModel) || !strings.Contains(err.Error(), "absent") || base.Hint(err) == "" {
		t.Errorf("error %v, hint %q", err, base.Hint(err))
	}
}

func TestOpen_SaysHowTheProcessDied(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	s.writeModel(t, testproc.Model{Abort: true})
	err := openFails(t, t.Context(), s)
	want := "the inference host stopped while it loaded the model (exit status 2): fake.cpp:42: GGML_ASSERT(polite) failed"
	if !errors.Is(err, base.ErrUnavailable) || err.Error() != want {
		t.Errorf("error %q; want %q", err, want)
	}
}

// It is not parallel: a program that was just written cannot be started while another test forks.
func TestOpen_SaysWhyTheProgramDoesNotStart(t *testing.T) {
	script := filepath.Join(t.TempDir(), "script")
	for content, want := range map[string]string{
		"#!/bin/sh\necho cannot find libstdc++ >&2\nexit 127\n": "cannot find libstdc++",
		"#!/bin/sh\n":                                 "without a handshake",
		"#!/bin/sh\necho hello\n":                     "hello",
		"#!/bin/sh\necho 1\\|99\\|unix\\|/x\\|grpc\n": "99",
		"": "exec format error",
	} {
		if err := os.WriteFile(script, []byte(content), 0o700); err != nil {
			t.Fatal(err)
		}
		s := newSetup(t)
		s.options.Path = script
		err := openFails(t, t.Context(), s)
		if !errors.Is(err, base.ErrUnavailable) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), script) {
			t.Errorf("program %q: error %q; want the path and %q", content, err, want)
		}
	}
	s := newSetup(t)
	s.options.Path = filepath.Join(s.dir, "absent")
	if err := openFails(t, t.Context(), s); !errors.Is(err, base.ErrUnavailable) || base.Hint(err) == "" {
		t.Errorf("absent program: %q", err)
	}
}

func TestOpen_EndsWithItsContext(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	s.writeModel(t, testproc.Model{Hang: true})
	ctx, cancel := context.WithCancel(t.Context())
	s.options.Progress = func(string, float64) { cancel() }
	if err := openFails(t, ctx, s); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled while loading: %v", err)
	}
	if err := openFails(t, ctx, s); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled before: %v", err)
	}
}

func TestOpen_ReportsEveryBadOption(t *testing.T) {
	t.Parallel()
	_, err := Open(t.Context(), Options{SocketDir: "/" + strings.Repeat("x", 200)})
	if !errors.Is(err, base.ErrInvalid) || !strings.Contains(err.Error(), "no path") || !strings.Contains(err.Error(), "at most 65") {
		t.Errorf("error %q", err)
	}
}

// running reports whether a process exists, a zombie included.
func running(pid int) bool {
	p, err := os.FindProcess(pid)
	return err == nil && p.Signal(syscall.Signal(0)) == nil
}

func TestClose_LeavesNothing(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	h := s.open(t)
	flight := hang(t, h, "")
	pid := h.Status().PID
	if len(s.socketsLeft(t)) != 1 {
		t.Errorf("sockets %q; want one folder", s.socketsLeft(t))
	}
	for range 2 {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	}
	if running(pid) {
		t.Errorf("process %d still runs", pid)
	}
	if left := s.socketsLeft(t); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
	if err := <-flight; err != errClosed {
		t.Errorf("request in flight: %v; want %v", err, errClosed)
	}
	_, errAsk := ask(t.Context(), h, "hello")
	_, errInfo := h.Info(t.Context())
	_, errTokenize := h.Tokenize(t.Context(), "x", false)
	if errAsk != errClosed || errInfo != errClosed || errTokenize != errClosed {
		t.Errorf("after Close: %v, %v, %v", errAsk, errInfo, errTokenize)
	}
	if s := h.Status(); s.PID != 0 || s.Deaths != 0 {
		t.Errorf("status %+v; a Close is no death", s)
	}
}

func TestSink_DropsWhatComesAfterClose(t *testing.T) {
	var b strings.Builder
	s := &sink{w: &b}
	s.Write([]byte("before"))
	s.close()
	if n, err := s.Write([]byte("after")); n != 5 || err != nil || b.String() != "before" {
		t.Errorf("%d, %v, log %q", n, err, b.String())
	}
}
