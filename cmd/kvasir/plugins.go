package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kvasir-cache/kvasir/hostapi"
	"github.com/kvasir-cache/kvasir/internal/cachedir"
	"github.com/kvasir-cache/kvasir/internal/config"
	"github.com/kvasir-cache/kvasir/internal/plugin"
	"github.com/kvasir-cache/kvasir/internal/prochost"
	"github.com/kvasir-cache/kvasir/internal/script"
	"github.com/kvasir-cache/kvasir/internal/wasmhost"
	shipped "github.com/kvasir-cache/kvasir/plugins"
)

// plugins loads plugins of every kind. The runtime of WebAssembly is made by the first that needs it.
type plugins struct {
	log      *slog.Logger
	tokenize tokenizer // nil if there is no model
	state    states

	making  sync.Mutex
	runtime *wasmhost.Runtime
}

// tokenizer turns text into tokens of the model.
type tokenizer func(ctx context.Context, text string) ([]int32, error)

// close ends the runtime, when all plugins are closed.
func (p *plugins) close() error {
	p.making.Lock()
	defer p.making.Unlock()
	if p.runtime == nil {
		return nil
	}
	return p.runtime.Close()
}

// set returns the plugins that c describes, which are loaded when they are needed.
func (p *plugins) set(c *config.Config) *plugin.Set {
	o := plugin.Options{Logger: p.log}
	for _, name := range c.PluginNames() {
		about := c.Plugins[name]
		o.Specs = append(o.Specs, plugin.Spec{Name: name, Path: about.Path,
			Load:     func(ctx context.Context) (hostapi.Plugin, error) { return p.load(ctx, name, about) },
			Identity: func() ([32]byte, error) { return identityOf(about) }})
	}
	return plugin.New(o)
}

// builtin returns the plugins that come with kvasir and that the strategies of c use.
func (p *plugins) builtin(c *config.Config) *plugin.Set {
	o := plugin.Options{Logger: p.log, Poll: -1}
	for _, about := range shipped.List() {
		if c.Plugins[about.Name] != nil || !usesPlugin(c, about.Name) {
			continue
		}
		o.Specs = append(o.Specs, plugin.Spec{Name: about.Name,
			Load:     func(ctx context.Context) (hostapi.Plugin, error) { return p.loadShipped(ctx, about) },
			Identity: func() ([32]byte, error) { return shippedIdentity(about.Name) }})
	}
	return plugin.New(o)
}

func usesPlugin(c *config.Config, name string) bool {
	for _, s := range c.Strategies {
		scorers := s.Score
		if len(scorers) > 0 && isIndexed(c, scorers[0]) {
			scorers = scorers[1:]
		}
		if s.Guard == name || slices.Contains(s.Normalize, name) || slices.Contains(scorers, name) {
			return true
		}
	}
	return false
}

func (p *plugins) loadShipped(ctx context.Context, about shipped.Plugin) (hostapi.Plugin, error) {
	runtime, err := p.needRuntime(ctx)
	if err != nil {
		return nil, err
	}
	module, _ := shipped.Module(about.Name)
	loaded, err := wasmhost.Load(ctx, wasmhost.Options{
		Runtime: runtime, Name: about.Name, Module: module, Limits: about.Limits(), Logger: p.log,
	})
	if err != nil {
		return nil, err
	}
	return meteredModule{loaded}, nil
}

func shippedIdentity(name string) ([32]byte, error) {
	module, _ := shipped.Module(name)
	return sha256.Sum256(module), nil
}

// identityOf hashes all that decides what a plugin answers: its file and its settings.
func identityOf(about *config.Plugin) (id [32]byte, err error) {
	file := about.Path
	if about.Program != "" {
		if file, err = exec.LookPath(about.Program); err != nil {
			return id, err
		}
	}
	h := sha256.New()
	if file != "" {
		f, err := os.Open(file)
		if err != nil {
			return id, err
		}
		defer f.Close()
		if _, err := io.Copy(h, f); err != nil {
			return id, err
		}
	}
	settings, err := json.Marshal([]any{about.Args, about.Script, about.Config})
	if err != nil {
		return id, err
	}
	settings = append(h.Sum(nil), settings...)
	return sha256.Sum256(settings), nil
}

// load loads one plugin as its kind asks for.
func (p *plugins) load(ctx context.Context, name string, about *config.Plugin) (hostapi.Plugin, error) {
	switch {
	case about.Program != "":
		return p.loadProgram(ctx, name, about)
	case len(about.Script) > 0 || isScript(about.Path):
		return p.loadScript(ctx, name, about)
	}
	return p.loadModule(ctx, name, about)
}

func isScript(path string) bool { return strings.EqualFold(filepath.Ext(path), ".star") }

func (p *plugins) loadProgram(ctx context.Context, name string, about *config.Plugin) (hostapi.Plugin, error) {
	if len(about.Grants) > 0 {
		return nil, fmt.Errorf("%w: a program has no use for grants", hostapi.ErrLoad)
	}
	return prochost.OpenPlugin(ctx, prochost.PluginOptions{
		Name: name, Path: about.Program, Args: about.Args, Config: about.Config, Calls: about.Instances,
		Deadline: about.Deadline, BatchDeadline: 5 * about.Deadline, Logger: p.log,
	})
}

func (p *plugins) loadScript(ctx context.Context, name string, about *config.Plugin) (hostapi.Plugin, error) {
	if len(about.Grants) > 0 {
		return nil, fmt.Errorf("%w: a script has no use for grants", hostapi.ErrLoad)
	}
	o := script.Options{
		Name: name, Config: about.Config, Logger: p.log,
		Limits: limitsOf(about, script.DefaultSteps),
	}
	if about.Path == "" {
		o.Inline = map[hostapi.Role]string{}
		for role, text := range about.Script {
			o.Inline[hostapi.Role(role)] = text
		}
		return script.Load(ctx, o)
	}
	if o.Path = about.Path; about.SHA256 != "" {
		source, err := readHashed(about.Path, about.SHA256)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", hostapi.ErrLoad, err)
		}
		o.Path, o.Source = "", source
	}
	return script.Load(ctx, o)
}

// readHashed reads a script that must have a hash.
func readHashed(path, want string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	source, err := io.ReadAll(io.LimitReader(f, hostapi.MaxText+1))
	if err != nil {
		return "", err
	}
	if sum := sha256.Sum256(source); !strings.EqualFold(hex.EncodeToString(sum[:]), want) {
		return "", fmt.Errorf("%s has the SHA-256 %x, and %s is wanted", path, sum, want)
	}
	return string(source), nil
}

func (p *plugins) loadModule(ctx context.Context, name string, about *config.Plugin) (hostapi.Plugin, error) {
	runtime, err := p.needRuntime(ctx)
	if err != nil {
		return nil, err
	}
	o := wasmhost.Options{
		Runtime: runtime, Name: name, Path: about.Path, SHA256: about.SHA256, Config: about.Config,
		Limits: limitsOf(about, wasmhost.DefaultSteps), Instances: about.Instances, Logger: p.log,
		Services: wasmhost.Services{
			Tokenize: p.tokenize, KV: p.state.of(name), Now: time.Now,
			Random: func(b []byte) { _, _ = rand.Read(b) }, // it never fails
		},
	}
	for _, grant := range about.Grants {
		o.Grants = append(o.Grants, hostapi.Grant(grant))
	}
	loaded, err := wasmhost.Load(ctx, o)
	if err != nil {
		return nil, err // not a nil *wasmhost.Plugin in an interface
	}
	return meteredModule{loaded}, nil
}

// usualDeadline is the time that the default number of steps stands for.
const usualDeadline = 5 * time.Millisecond

// limitsOf returns the limits of a plugin whose kind makes steps in usualDeadline on an idle machine.
func limitsOf(about *config.Plugin, steps uint64) hostapi.Limits {
	l := hostapi.Limits{MemoryBytes: uint64(about.Memory)}
	if about.Deadline > 0 {
		l.Steps = max(1, uint64(float64(steps)*float64(about.Deadline)/float64(usualDeadline)))
	}
	return l
}

func (p *plugins) needRuntime(ctx context.Context) (*wasmhost.Runtime, error) {
	p.making.Lock()
	defer p.making.Unlock()
	if p.runtime != nil {
		return p.runtime, nil
	}
	dir, err := cachedir.Path("plugins")
	if err != nil {
		return nil, err
	}
	p.runtime, err = wasmhost.Open(ctx, wasmhost.RuntimeOptions{CacheDir: dir, Logger: p.log})
	return p.runtime, err
}

// meteredModule shows what the runtime counts of a module.
type meteredModule struct{ *wasmhost.Plugin }

func (m meteredModule) Metrics() map[string]float64 {
	s := m.Stats()
	metrics := map[string]float64{
		"steps": float64(s.Steps), "instances": float64(s.Instances), "instances_started": float64(s.Started),
		"instances_discarded": float64(s.Discarded), "memory_bytes": float64(s.Memory),
	}
	for name, v := range s.Metrics {
		metrics["own."+name] = v
	}
	return metrics
}

// states keep what plugins put by with kv_put, as long as the process runs; a plugin that is loaded anew
// finds what it left.
type states struct {
	mu     sync.Mutex
	byName map[string]*state
}

func (s *states) of(name string) *state {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byName == nil {
		s.byName = map[string]*state{}
	}
	if s.byName[name] == nil {
		s.byName[name] = &state{values: map[string][]byte{}}
	}
	return s.byName[name]
}

// maxState bounds what one plugin keeps, keys and values together, in bytes.
const maxState = 1 << 20

// state is what one plugin keeps.
type state struct {
	mu     sync.Mutex
	values map[string][]byte
	bytes  int
}

var _ wasmhost.KV = (*state)(nil)

func (s *state) Get(_ context.Context, key string) ([]byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.values[key]
	return v, ok
}

func (s *state) Put(_ context.Context, key string, value []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	left := s.bytes
	if old, ok := s.values[key]; ok {
		left -= len(key) + len(old)
	}
	if len(value) == 0 {
		delete(s.values, key)
		s.bytes = left
		return nil
	}
	if left+len(key)+len(value) > maxState {
		return errors.New("a plugin keeps at most 1 MiB")
	}
	s.values[key] = slices.Clone(value)
	s.bytes = left + len(key) + len(value)
	return nil
}

// tokenizes reports whether any plugin may tokenize, which takes the model.
func tokenizes(c *config.Config) bool {
	for _, about := range maps.All(c.Plugins) {
		if slices.Contains(about.Grants, string(hostapi.GrantTokenize)) {
			return true
		}
	}
	return false
}
