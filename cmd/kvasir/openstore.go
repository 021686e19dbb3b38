package main

import (
	"context"
	"io"
	"strings"

	"github.com/kvasir-cache/kvasir/internal/config"
	"github.com/kvasir-cache/kvasir/internal/setup"
)

// openStore opens the store for a command that asks no model, and says where another process has it and its
// settings count, since flags that differ have no effect then.
func openStore(ctx context.Context, c *config.Config, stderr io.Writer, mustExist bool) (*setup.Store, error) {
	store, err := setup.OpenStore(ctx, c, setup.StoreOptions{MustExist: mustExist, Logger: newLogger(stderr, false), Tokenize: setup.NoModel})
	if err != nil {
		return nil, err
	}
	if owner, differs := store.Owner(), store.Differs(); owner != 0 && len(differs) > 0 {
		note(stderr, "process %d has the store, and its settings count: %s", owner, strings.Join(differs, ", "))
	}
	return store, nil
}
