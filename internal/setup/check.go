package setup

import (
	"context"

	"github.com/kvasir-cache/kvasir/engine"
	"github.com/kvasir-cache/kvasir/internal/config"
)

// CheckStore checks the store that c describes, which no other process may have.
func CheckStore(ctx context.Context, c *config.Config, o engine.CheckOptions) (*engine.CheckReport, error) {
	options := engineOptions(c)
	o.Dir, o.State = options.Dir, options.State
	return engine.Check(ctx, o)
}
