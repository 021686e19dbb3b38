package prochost

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/kvasir-cache/kvasir/hostapi"
)

// Limits on what a plugin may write to the log.
const (
	talkBurst = 50                     // lines at once
	talkEvery = 100 * time.Millisecond // and then one each
)

// talk writes lines to a log, not more than the log should have of one plugin.
type talk struct {
	logger *slog.Logger
	clock  Clock

	mu struct {
		sync.Mutex
		free time.Time // when the last line that was let through would be worked off
		left int       // lines left out since
	}
}

// Write logs one line.
func (t *talk) Write(line []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.clock.Now()
	if t.mu.free.Before(now) {
		t.mu.free = now
	}
	if t.mu.free.Sub(now) > (talkBurst-1)*talkEvery {
		t.mu.left++
		return len(line), nil
	}
	t.mu.free = t.mu.free.Add(talkEvery)
	if t.mu.left > 0 {
		t.logger.Warn("program writes too much to be logged", "lines_left_out", t.mu.left)
		t.mu.left = 0
	}
	text := line[:min(len(line), hostapi.MaxMessage)]
	t.logger.Info("program says", "line", strings.ToValidUTF8(string(bytes.TrimRight(text, "\r\n")), "\uFFFD"))
	return len(line), nil
}
