package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
)

// newLogger returns the log of the cache and its plugins: what went wrong, and with verbose what happened.
// A line looks like those of the commands themselves: "kvasir: warning: what attribute=value".
func newLogger(w io.Writer, verbose bool) *slog.Logger {
	level := slog.LevelWarn
	if verbose {
		level = slog.LevelInfo
	}
	h := &logHandler{out: w, mu: &sync.Mutex{}, line: &bytes.Buffer{}}
	h.attributes = slog.NewTextHandler(h.line, &slog.HandlerOptions{Level: level, ReplaceAttr: onlyAttributes})
	return slog.New(h)
}

// onlyAttributes drops what a line says in another way, and the stack traces that some errors carry.
func onlyAttributes(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey || a.Key == slog.MessageKey) {
		return slog.Attr{}
	}
	if err, ok := a.Value.Any().(error); ok {
		return slog.String(a.Key, err.Error())
	}
	return a
}

// logHandler writes lines to out.
type logHandler struct {
	attributes slog.Handler // writes the attributes to line
	mu         *sync.Mutex  // guards line and out
	line       *bytes.Buffer
	out        io.Writer
}

func (h *logHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.attributes.Enabled(ctx, level)
}

func (h *logHandler) Handle(ctx context.Context, r slog.Record) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.line.Reset()
	if err := h.attributes.Handle(ctx, r); err != nil {
		return err
	}
	level := strings.ToLower(r.Level.String())
	if level == "warn" {
		level = "warning"
	}
	line := strings.TrimSpace(r.Message + " " + strings.TrimSpace(h.line.String()))
	_, err := fmt.Fprintf(h.out, "kvasir: %s: %s\n", level, line)
	return err
}

func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *h
	with.attributes = h.attributes.WithAttrs(attrs)
	return &with
}

func (h *logHandler) WithGroup(name string) slog.Handler {
	with := *h
	with.attributes = h.attributes.WithGroup(name)
	return &with
}

var _ slog.Handler = (*logHandler)(nil)
