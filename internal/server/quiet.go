package server

import (
	"log"
	"log/slog"
)

// quiet makes the log of net/http one of debugging: what clients do wrong with connections is no news.
func quiet(l *slog.Logger) *log.Logger { return slog.NewLogLogger(l.Handler(), slog.LevelDebug) }
