package wasmhost

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/tetratelabs/wazero"

	"github.com/kvasir-cache/kvasir/hostapi"
)

// Load loads a module, runs its first instance up to the manifest, and returns it as a plugin. Errors about the
// module wrap hostapi.ErrLoad and say what was found, what was wanted, and what to build instead.
func Load(ctx context.Context, o Options) (*Plugin, error) {
	o = o.withDefaults()
	if err := o.validate(); err != nil {
		return nil, &hostapi.Error{Plugin: o.Name, Call: callLoad, Reason: hostapi.ErrLoad, Text: cut(err.Error(), hostapi.MaxMessage)}
	}
	p, err := o.Runtime.load(func() (*Plugin, error) { return load(ctx, &o) })
	if err != nil {
		return nil, loadError(o.Name, err)
	}
	return p, nil
}

const callLoad = "load"

// loadError makes every failure of a load an ErrLoad that still wraps what it was.
func loadError(name string, err error) *hostapi.Error {
	f := faultOf(err)
	e := f.of(name, callLoad)
	if f.reason == hostapi.ErrLoad {
		return e
	}
	e.Reason, e.Text, e.Cause = hostapi.ErrLoad, "", &loadCause{f}
	return e
}

// loadCause is the fault of an instance that did not come up.
type loadCause struct{ *fault }

func (c *loadCause) Unwrap() []error {
	if c.cause == nil {
		return []error{c.reason}
	}
	return []error{c.reason, c.cause}
}

func load(ctx context.Context, o *Options) (*Plugin, error) {
	module, err := source(o)
	if err != nil {
		return nil, err
	}
	p, err := prepare(ctx, o, module)
	if err != nil {
		return nil, err
	}
	if err := p.open(ctx, o); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// prepare rewrites, checks and compiles a module.
func prepare(ctx context.Context, o *Options, module []byte) (*Plugin, error) {
	p := &Plugin{
		name: o.Name, runtime: o.Runtime, services: o.Services, pool: newPool(o.Instances),
		memoryLimit: o.Limits.MemoryBytes, steps: o.Limits.Steps,
		log: newGuestLog(o.Logger, o.Name),
	}
	p.metrics.sums = map[string]*float64{}
	if err := p.configure(o); err != nil {
		return nil, err
	}
	var err error
	p.compiled, err = background(ctx, o.Runtime,
		func() (wazero.CompiledModule, error) { return p.compile(o, module) },
		func(c wazero.CompiledModule) { c.Close(context.Background()) })
	if err != nil {
		return nil, notCompiled(ctx, err)
	}
	return p, nil
}

// notCompiled says that the caller did not wait, where that is why.
func notCompiled(ctx context.Context, err error) error {
	if cause := ctx.Err(); cause != nil && err == cause {
		return &fault{reason: hostapi.ErrLoad, text: "the caller did not wait for it to be compiled", cause: cause}
	}
	return err
}

// compile runs in the background.
func (p *Plugin) compile(o *Options, module []byte) (wazero.CompiledModule, error) {
	m, err := p.runtime.rewrites.rewrite(module, meterLimits(p.memoryLimit))
	if err != nil {
		return nil, err
	}
	if p.profile, err = profileOf(m); err != nil {
		return nil, err
	}
	if p.roles, err = p.profile.check(m); err != nil {
		return nil, err
	}
	if err := p.runtime.offers.check(m.imports, o.Grants); err != nil {
		return nil, err
	}
	compiled, err := p.runtime.engine.CompileModule(context.Background(), m.module)
	if err != nil {
		return nil, faultf(hostapi.ErrLoad, "it does not compile: %v", err)
	}
	return compiled, nil
}

// configure prepares what each instance is told.
func (p *Plugin) configure(o *Options) error {
	config, err := configValues(o.Config)
	if err != nil {
		return faultf(hostapi.ErrLoad, "config: %v", err)
	}
	p.config = config
	p.about = hostapi.Init{
		ABI:      fmt.Sprintf("%d.%d", hostapi.Major, hostapi.Minor),
		Name:     o.Name,
		Features: hostapi.HostFeatures(),
		Config:   o.Config,
		Limits:   o.Limits,
	}
	return nil
}

// configValues are the answers of config_get: texts as they are, other values as JSON.
func configValues(config json.RawMessage) (map[string]string, error) {
	var values map[string]json.RawMessage
	if err := json.Unmarshal(config, &values); err != nil {
		return nil, err
	}
	texts := make(map[string]string, len(values))
	for key, v := range values {
		var text string
		if json.Unmarshal(v, &text) != nil || string(v) == "null" {
			text = string(v)
		}
		texts[key] = text
	}
	return texts, nil
}

// open runs the first instance and takes over what its manifest says.
func (p *Plugin) open(ctx context.Context, o *Options) error {
	p.pool.mu.live = 1 // nobody else has the pool yet
	in, data, err := p.start(ctx)
	if err != nil {
		p.pool.drop(&record{started: true, discarded: true})
		return err
	}
	err = p.accept(data, o)
	p.pool.give(in, &record{started: true})
	return err
}

// accept takes over a manifest.
func (p *Plugin) accept(data []byte, o *Options) error {
	m, err := hostapi.DecodeManifest(data, p.roles.list())
	if err != nil {
		return err
	}
	if err := checkPure(m.Roles, o.Grants); err != nil {
		return err
	}
	p.manifest = m
	p.roles = rolesOf(m.Roles) | p.roles&bit(roleExplain)
	if want := m.Limits.Steps; want != 0 {
		p.steps = min(p.steps, want)
	}
	for _, l := range []struct {
		name      string
		want, has uint64
	}{
		{"memory_bytes", m.Limits.MemoryBytes, o.Limits.MemoryBytes}, {"steps", m.Limits.Steps, o.Limits.Steps},
	} {
		if l.want > l.has {
			p.log.host("wants more than its limit", "limit", l.name, "wants", l.want, "has", l.has)
		}
	}
	return nil
}
