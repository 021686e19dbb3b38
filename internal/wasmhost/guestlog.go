package wasmhost

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kvasir-cache/kvasir/hostapi"
)

const (
	logBurst  = 50                     // lines a plugin may write at once
	logRefill = 200 * time.Millisecond // until it may write one more
)

// guestLog passes on what a plugin logs, as long as it is not too much.
type guestLog struct {
	logger *slog.Logger
	quiet  atomic.Uint64 // lines left out

	mu struct {
		sync.Mutex
		tokens int
		filled time.Time
		missed uint64 // of quiet, since the last line that was written
	}
}

func newGuestLog(logger *slog.Logger, plugin string) *guestLog {
	l := &guestLog{logger: logger.With("plugin", plugin)}
	l.mu.tokens = logBurst
	l.mu.filled = time.Now()
	return l
}

// host writes what the host has to say about the plugin.
func (l *guestLog) host(message string, args ...any) { l.logger.Warn(message, args...) }

// guest writes a line of the plugin.
func (l *guestLog) guest(level slog.Level, text []byte) {
	ctx := context.Background()
	if !l.logger.Enabled(ctx, level) {
		return
	}
	missed, ok := l.admit(time.Now())
	if !ok {
		l.quiet.Add(1)
		return
	}
	line := cut(string(text[:min(len(text), hostapi.MaxMessage)]), hostapi.MaxMessage)
	if missed > 0 {
		l.logger.Log(ctx, level, line, "left_out", missed)
		return
	}
	l.logger.Log(ctx, level, line)
}

// admit reports whether a line may be written now, and how many were not since the last one.
func (l *guestLog) admit(now time.Time) (missed uint64, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := int(now.Sub(l.mu.filled) / logRefill); n > 0 {
		l.mu.tokens = min(l.mu.tokens+n, logBurst)
		l.mu.filled = now
	}
	if l.mu.tokens == 0 {
		l.mu.missed++
		return 0, false
	}
	l.mu.tokens--
	missed, l.mu.missed = l.mu.missed, 0
	return missed, true
}

// levelOf is what the levels of the plugin contract mean: 0 debug, 1 info, 2 warn, 3 error.
func levelOf(level uint32) slog.Level {
	switch level {
	case 0:
		return slog.LevelDebug
	case 1:
		return slog.LevelInfo
	case 2:
		return slog.LevelWarn
	}
	return slog.LevelError
}
