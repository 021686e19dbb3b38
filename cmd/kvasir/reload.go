package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/kvasir-cache/kvasir/internal/config"
	"github.com/kvasir-cache/kvasir/internal/server"
	"github.com/kvasir-cache/kvasir/internal/setup"
)

// serverSettings are what may change while a server runs.
func serverSettings(c *config.Config) (server.Settings, error) {
	s := server.Settings{
		Hosts: c.Server.Hosts, Origins: c.Server.Origins, Control: c.Server.Control, MaxBody: c.Server.MaxBody,
		Concurrent: c.Server.Concurrent, Timeout: c.Server.Timeout,
	}
	for _, name := range c.TenantNames() {
		t := c.Tenants[name]
		tenant := server.Tenant{
			Name: name, Control: t.Control, RequestsPerMinute: t.RequestsPerMinute, Concurrent: t.Concurrent,
			MaxTokens: t.MaxTokens, MaxBody: t.MaxBody, TTL: t.TTL,
		}
		for _, text := range []string{t.KeySHA256, t.OldKeySHA256} {
			if text == "" {
				continue
			}
			key, err := hex.DecodeString(text)
			if err != nil || len(key) != 32 {
				return s, fmt.Errorf("tenant %q: a key has no SHA-256", name)
			}
			tenant.Keys = append(tenant.Keys, [32]byte(key))
		}
		s.Tenants = append(s.Tenants, tenant)
	}
	return s, nil
}

// reloadable are the keys of [server] that may change while it runs. Tenants may too.
var reloadable = []string{"server.hosts", "server.origins", "server.control", "server.max_body", "server.concurrent", "server.timeout"}

// reloader reads plugins and settings anew while a server runs.
type reloader struct {
	options *serveOptions
	config  *config.Config // as the server began
	model   *setup.Model
	server  *server.Server
	log     *slog.Logger

	reloading sync.Mutex
}

// listen reloads at every hangup until ctx ends.
func (r *reloader) listen(ctx context.Context, hangups <-chan os.Signal) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangups:
			if err := r.reload(ctx); err != nil {
				r.log.Error("what could not be read anew goes on as it was", "error", err)
			} else {
				fmt.Fprintln(r.options.err, "kvasir: reloaded")
			}
		}
	}
}

// reload reads plugins and settings anew. Each that cannot be read goes on as it was.
func (r *reloader) reload(ctx context.Context) error {
	r.reloading.Lock()
	defer r.reloading.Unlock()
	return errors.Join(r.apply(), r.model.ReloadPlugins(ctx))
}

func (r *reloader) apply() error {
	c, err := r.options.settings.read()
	if err != nil {
		return err
	}
	if len(c.Tenants) == 0 && !config.IsLoopback(r.config.Server.Listen) {
		return openToAll(r.config.Server.Listen)
	}
	settings, err := serverSettings(c)
	if err != nil {
		return err
	}
	if err := r.server.Apply(settings); err != nil {
		return err
	}
	if err := r.model.ReloadShares(c); err != nil {
		return err
	}
	if later := changed(r.config, c); len(later) > 0 {
		r.log.Warn("some changes of the configuration count after a restart: " + strings.Join(later, ", "))
	}
	return nil
}

// changed returns the keys whose values differ and that count only after a restart.
func changed(old, now *config.Config) []string {
	was := map[string]string{}
	for _, s := range old.Explain() {
		was[s.Key] = s.Text()
	}
	var keys []string
	for _, s := range now.Explain() {
		before, known := was[s.Key]
		delete(was, s.Key)
		if !known || before != s.Text() {
			keys = append(keys, s.Key)
		}
	}
	for key := range was {
		keys = append(keys, key)
	}
	keys = slices.DeleteFunc(keys, func(key string) bool { return slices.Contains(reloadable, key) || strings.HasPrefix(key, "tenant.") })
	slices.Sort(keys)
	return keys
}
