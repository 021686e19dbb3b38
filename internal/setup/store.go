package setup

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/kvasir-cache/kvasir/engine"
	"github.com/kvasir-cache/kvasir/internal/config"
	"github.com/kvasir-cache/kvasir/internal/control"
	"github.com/kvasir-cache/kvasir/internal/plugin"
)

// Store is a store with its plugins. Every command opens it whole, since the one that gets the store
// answers the requests of others too. The plugins are loaded when the first request is looked up.
type Store struct {
	*control.Session
	own     *plugin.Set // the configuration's
	builtin *plugin.Set // that its strategies use
	loader  *Loader
}

// StoreOptions says how a store is opened.
type StoreOptions struct {
	MustExist bool // else it is made
	Logger    *slog.Logger
	Tokenize  Tokenizer
}

// OpenStore opens the store that c describes, or connects to the process that has it.
func OpenStore(ctx context.Context, c *config.Config, o StoreOptions) (*Store, error) {
	s := &Store{loader: NewLoader(o.Logger, o.Tokenize)}
	s.own, s.builtin = s.loader.set(c), s.loader.builtin(c)
	options, err := engineOptions(c)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	options.Logger, options.MustExist = o.Logger, o.MustExist
	options.Strategies = (&strategist{c, s.own, s.builtin}).strategies
	if len(c.Plugins) > 0 {
		options.Hooks = s.own
	}
	if s.Session, err = control.Open(ctx, options, storeSettings(c)); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// LoadPlugins loads the configuration's plugins now, so that what is wrong with them is an error.
func (s *Store) LoadPlugins(ctx context.Context) error { return s.own.Load(ctx) }

// Close ends the store, if this process has it, and then the plugins.
func (s *Store) Close() error {
	var err error
	if s.Session != nil {
		err = s.Session.Close()
	}
	return errors.Join(err, s.own.Close(), s.builtin.Close(), s.loader.Close())
}

// engineOptions are the options of the cache that c describes.
func engineOptions(c *config.Config) (engine.Options, error) {
	o := engine.Options{
		MaxEntries: c.Cache.MaxEntries, TTL: c.Cache.TTL, FlushInterval: c.Cache.FlushInterval,
		ServeSampled: c.Cache.Sampled == config.SampledServe,
		Strategy:     c.Cache.Strategy, ExactOnly: c.Cache.Mode == config.ModeExact,
		MaxBytes: c.Cache.MaxBytes, TopicKeep: c.Cache.TopicKeep, AdmitSecond: c.Cache.Admit == config.AdmitSecond,
		Stale: c.Cache.Stale, Shares: sharesOf(c),
		StrategyNames: slices.Sorted(maps.Keys(c.Strategies)),
		State:         stateOptions(c),
	}
	if c.Cache.TTL == 0 {
		o.TTL = -1 // for ever
	}
	if !c.Cache.Persist {
		return o, nil
	}
	o.Dir, _ = c.Cache.Store()
	if err := checkFolder(o.Dir); err != nil {
		return o, err
	}
	var err error
	o.Key, err = storeKey(c)
	return o, err
}

// sharesOf are the shares of the tenants of c.
func sharesOf(c *config.Config) map[string]float64 {
	shares := map[string]float64{}
	for name, tenant := range c.Tenants {
		shares[name] = tenant.Share
	}
	return shares
}

func stateOptions(c *config.Config) engine.StateOptions {
	o := engine.StateOptions{
		Off: !c.KV.Enabled, Dir: c.KV.Dir, MaxBytes: c.KV.MaxBytes, MinPrefill: c.KV.MinPrefill,
		Answers: engine.Answers(c.KV.Answers), Close: c.KV.Identity == config.IdentityClose,
	}
	if c.KV.MinPrefill == 0 {
		o.MinPrefill = -1 // everything at once
	}
	return o
}

// shared are the settings, with those of the table kv, that decide how a store is used.
var shared = []string{"cache.sampled", "cache.max_entries", "cache.max_bytes", "cache.topic_keep", "cache.admit", "cache.ttl", "cache.stale", "cache.mode", "cache.strategy"}

// storeSettings are the settings that decide how a store is used. The process that has the store uses its
// own for all.
func storeSettings(c *config.Config) map[string]string {
	settings := map[string]string{}
	for _, setting := range c.Explain() {
		if strings.HasPrefix(setting.Key, "kv.") || slices.Contains(shared, setting.Key) {
			settings[setting.Key] = setting.Text()
		}
	}
	settings["plugins"] = "none"
	if names := c.PluginNames(); len(names) > 0 {
		settings["plugins"] = strings.Join(names, " ") + " " + pluginsHash(c)
	}
	return settings
}
