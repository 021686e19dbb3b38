package setup

import (
	"context"

	"github.com/kvasir-cache/kvasir/engine"
	"github.com/kvasir-cache/kvasir/internal/config"
)

// CheckStore checks the store that c describes, which no other process may have.
func CheckStore(ctx context.Context, c *config.Config, o engine.CheckOptions) (*engine.CheckReport, error) {
	options, err := engineOptions(c)
	if err != nil {
		return nil, err
	}
	o.Dir, o.Key, o.State = options.Dir, options.Key, options.State
	return engine.Check(ctx, o)
}
