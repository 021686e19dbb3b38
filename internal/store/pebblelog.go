package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/cockroachdb/pebble/v2"
)

// pebbleLog hands Pebble's messages to the store's logger.
type pebbleLog struct{ s *Store }

func (l pebbleLog) Infof(format string, args ...any) { l.log(slog.LevelDebug, format, args) }

func (l pebbleLog) Errorf(format string, args ...any) { l.log(slog.LevelWarn, format, args) }

// Fatalf is where Pebble wants the process to end. The store ends instead: once it has failed, nothing
// reaches the disk and nothing is acknowledged, so Pebble may go on with what it has in memory.
func (l pebbleLog) Fatalf(format string, args ...any) {
	l.log(slog.LevelError, format, args)
	l.s.shield.fail(fmt.Errorf("pebble: "+format, args...))
}

func (l pebbleLog) log(level slog.Level, format string, args []any) {
	ctx := context.Background()
	if l.s.log.Enabled(ctx, level) {
		l.s.log.Log(ctx, level, "pebble: "+fmt.Sprintf(format, args...))
	}
}

// listener hears what Pebble does in the background. Pebble holds its lock while it tells, so nothing
// here calls it back.
func (s *Store) listener() *pebble.EventListener {
	var told sync.Map // paths of damaged files
	return &pebble.EventListener{
		FlushEnd: func(pebble.FlushInfo) { s.pressure.changed() },
		CompactionEnd: func(info pebble.CompactionInfo) {
			if info.Err != nil && !errors.Is(info.Err, pebble.ErrCancelledCompaction) {
				s.shield.fail(fmt.Errorf("compaction: %w", info.Err))
			}
			s.pressure.changed()
		},
		// Whoever reads a damaged table gets the error; this is for the others. Every read of it comes by here,
		// and once is enough. The error is given as text, since in full it carries a stack trace.
		DataCorruption: func(info pebble.DataCorruptionInfo) {
			if _, again := told.LoadOrStore(info.Path, true); !again {
				s.log.Warn("store: table is damaged", "path", info.Path, "error", info.Details.Error())
			}
		},
		BackgroundError: func(err error) {
			if pebble.ExtractDataCorruptionInfo(err) == nil { // else it has been told
				s.log.Warn("pebble: background error", "error", err.Error())
			}
		},
	}
}
