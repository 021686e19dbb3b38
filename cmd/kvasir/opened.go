package main

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"

	"github.com/kvasir-cache/kvasir/internal/config"
	"github.com/kvasir-cache/kvasir/internal/control"
	"github.com/kvasir-cache/kvasir/internal/plugin"
)

// opened is a store with its plugins. Every command opens it whole, since the one that gets the store
// answers the requests of others too. The plugins are loaded when the first request is looked up.
type opened struct {
	store   *control.Session
	own     *plugin.Set // the configuration's
	builtin *plugin.Set // that its strategies use
	loader  *plugins
}

// openStore opens the store that c describes, or connects to the process that has it. tokenize is what
// plugins with that grant call.
func openStore(ctx context.Context, c *config.Config, mustExist bool, log *slog.Logger, tokenize tokenizer) (*opened, error) {
	o := &opened{loader: &plugins{log: log, tokenize: tokenize}}
	o.own, o.builtin = o.loader.set(c), o.loader.builtin(c)
	options := engineOptions(c)
	options.Logger, options.MustExist = log, mustExist
	options.Strategies = (&strategist{c, o.own, o.builtin}).strategies
	options.StrategyNames = slices.Sorted(maps.Keys(c.Strategies))
	if len(c.Plugins) > 0 {
		options.Hooks = o.own
	}
	var err error
	if o.store, err = control.Open(ctx, options, storeSettings(c)); err != nil {
		return nil, errors.Join(err, o.close())
	}
	return o, nil
}

// close ends the store, if this process has it, and then the plugins.
func (o *opened) close() error {
	var err error
	if o.store != nil {
		err = o.store.Close()
	}
	return errors.Join(err, o.own.Close(), o.builtin.Close(), o.loader.close())
}
