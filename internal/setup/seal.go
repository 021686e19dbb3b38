package setup

import (
	"context"
	"log/slog"

	"github.com/kvasir-cache/kvasir/engine"
	"github.com/kvasir-cache/kvasir/internal/config"
	"github.com/kvasir-cache/kvasir/internal/seal"
)

// KeySource says where a key is: in a file, or in an environment variable. The zero value is nowhere.
type KeySource struct{ File, Environment string }

// read returns the key, or nil where there is to be none.
func (k KeySource) read() (*seal.Key, error) {
	switch {
	case k.File != "":
		return seal.KeyFromFile(k.File)
	case k.Environment != "":
		return seal.KeyFromEnvironment(k.Environment)
	}
	return nil, nil
}

// storeKey returns the key of the store that c describes, or nil.
func storeKey(c *config.Config) (*seal.Key, error) {
	return KeySource{c.Cache.KeyFile, c.Cache.KeyEnv}.read()
}

// Reseal brings the store that c describes to a goal, while nobody has it.
func Reseal(ctx context.Context, c *config.Config, goal engine.Goal, log *slog.Logger, progress func(what string, n int)) (*engine.Resealed, error) {
	o, err := engineOptions(c)
	if err != nil {
		return nil, err
	}
	o.Logger = log
	return engine.Reseal(ctx, o, goal, progress)
}

// Rekey gives the store that c describes another key.
func Rekey(c *config.Config, to KeySource) error {
	o, err := engineOptions(c)
	if err != nil {
		return err
	}
	key, err := to.read()
	if err != nil {
		return err
	}
	return engine.Rekey(o, key)
}
