package setup

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
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

// Loader loads plugins of every kind. The runtime of WebAssembly is made by the first that needs it. Its
// methods may be called from many goroutines at once.
type Loader struct {
	log      *slog.Logger
	tokenize Tokenizer
	state    states

	making  sync.Mutex
	runtime *wasmhost.Runtime
}

// Tokenizer turns text into tokens of the model, for plugins with that grant.
type Tokenizer func(ctx context.Context, text string) ([]int32, error)

// NoModel is the Tokenizer of those who load no model.
func NoModel(context.Context, string) ([]int32, error) {
	return nil, errors.New("this command loads no model, so it has no tokens")
}

// NewLoader returns a loader whose plugins log to log.
func NewLoader(log *slog.Logger, tokenize Tokenizer) *Loader {
	return &Loader{log: log, tokenize: tokenize}
}

// Close ends the runtime, when all plugins are closed.
func (p *Loader) Close() error {
	p.making.Lock()
	defer p.making.Unlock()
	if p.runtime == nil {
		return nil
	}
	return p.runtime.Close()
}

// set returns the plugins that c describes, which are loaded when they are needed.
func (p *Loader) set(c *config.Config) *plugin.Set {
	o := plugin.Options{Logger: p.log}
	for _, name := range c.PluginNames() {
		about := c.Plugins[name]
		o.Specs = append(o.Specs, plugin.Spec{Name: name, Path: about.Path,
			Load:     func(ctx context.Context) (hostapi.Plugin, error) { return p.Load(ctx, name, about) },
			Identity: func() ([32]byte, error) { return identityOf(about) }})
	}
	return plugin.New(o)
}

// builtin returns the plugins that come with kvasir and that the strategies of c use.
func (p *Loader) builtin(c *config.Config) *plugin.Set {
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

func (p *Loader) loadShipped(ctx context.Context, about shipped.Plugin) (hostapi.Plugin, error) {
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

// Load loads one plugin as its kind asks for. The caller closes it before the loader.
func (p *Loader) Load(ctx context.Context, name string, about *config.Plugin) (hostapi.Plugin, error) {
	switch {
	case about.Program != "":
		return p.loadProgram(ctx, name, about)
	case len(about.Script) > 0 || isScript(about.Path):
		return p.loadScript(ctx, name, about)
	}
	return p.loadModule(ctx, name, about)
}

func isScript(path string) bool { return strings.EqualFold(filepath.Ext(path), ".star") }

func (p *Loader) loadProgram(ctx context.Context, name string, about *config.Plugin) (hostapi.Plugin, error) {
	if len(about.Grants) > 0 {
		return nil, fmt.Errorf("%w: a program has no use for grants", hostapi.ErrLoad)
	}
	return prochost.OpenPlugin(ctx, prochost.PluginOptions{
		Name: name, Path: about.Program, Args: about.Args, Config: about.Config, Calls: about.Instances,
		Deadline: about.Deadline, BatchDeadline: 5 * about.Deadline, Logger: p.log,
	})
}

func (p *Loader) loadScript(ctx context.Context, name string, about *config.Plugin) (hostapi.Plugin, error) {
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

func (p *Loader) loadModule(ctx context.Context, name string, about *config.Plugin) (hostapi.Plugin, error) {
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

func (p *Loader) needRuntime(ctx context.Context) (*wasmhost.Runtime, error) {
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

// tokenizes reports whether any plugin may tokenize, which takes the model.
func tokenizes(c *config.Config) bool {
	for _, about := range maps.All(c.Plugins) {
		if slices.Contains(about.Grants, string(hostapi.GrantTokenize)) {
			return true
		}
	}
	return false
}
