package wasmhost

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"unicode/utf8"

	"github.com/tetratelabs/wazero"

	"github.com/kvasir-cache/kvasir/hostapi"
)

// Plugin is a loaded module. It implements hostapi.Plugin and hostapi.Explainer; Explain returns
// hostapi.ErrRole where the module has no function for it.
type Plugin struct {
	name     string
	runtime  *Runtime
	compiled wazero.CompiledModule
	profile  profile
	manifest *hostapi.Manifest
	roles    roleSet
	about    hostapi.Init      // what each instance is told
	config   map[string]string // for config_get
	services Services
	log      *guestLog
	pool     *pool

	memoryLimit uint64
	steps       uint64 // of one normalize or hook call

	metrics struct {
		sync.Mutex
		sums map[string]*float64
	}
	closing sync.Once
}

var (
	_ hostapi.Plugin    = (*Plugin)(nil)
	_ hostapi.Explainer = (*Plugin)(nil)
)

// roleSet has a bit for each role, so that a call need not search a list.
type roleSet uint16

const roleExplain hostapi.Role = "explain" // what only a profile knows as a role

func bit(r hostapi.Role) roleSet {
	for i, known := range allRoles {
		if r == known {
			return 1 << i
		}
	}
	return 0
}

var allRoles = append(hostapi.Roles(), roleExplain)

// Manifest implements hostapi.Plugin.
func (p *Plugin) Manifest() *hostapi.Manifest { return p.manifest }

// begin takes or makes an instance for a call that may make so many steps.
func (p *Plugin) begin(ctx context.Context, r hostapi.Role, steps uint64) (*instance, error) {
	if p.roles&bit(r) == 0 {
		return nil, &hostapi.Error{Plugin: p.name, Call: string(r), Reason: hostapi.ErrRole}
	}
	if err := ctx.Err(); err != nil {
		return nil, &hostapi.Error{Plugin: p.name, Call: string(r), Reason: hostapi.ErrBusy, Cause: err}
	}
	in, f := p.pool.take(ctx, wallTime(int64(steps)))
	if f != nil {
		p.pool.count(&record{call: f.reason == hostapi.ErrBusy, failure: f.reason, cancelled: f.cancelled()})
		return nil, f.of(p.name, string(r))
	}
	if in == nil {
		var err error
		if in, _, err = p.start(ctx); err != nil {
			f := faultOf(err)
			p.pool.drop(&record{call: true, started: true, discarded: true, failure: f.reason, cancelled: f.cancelled()})
			return nil, f.of(p.name, string(r))
		}
		p.pool.count(&record{started: true})
	}
	in.enter(ctx, steps)
	return in, nil
}

// end takes the instance back and returns what was wrong with the call, if anything.
func (p *Plugin) end(in *instance, r hostapi.Role, err error) error {
	done := record{call: true, taken: in.taken(), steps: in.budget.used(), memory: in.size()}
	var failure error
	if err != nil {
		f := in.faultOf(err)
		done.failure, done.cancelled = f.reason, f.cancelled()
		in.retired = f.reason != hostapi.ErrFailed
		failure = f.of(p.name, string(r))
	}
	in.leave()
	done.discarded = in.retired
	done.recycled = !in.retired && in.worn()
	if done.discarded || done.recycled {
		in.close()
		p.pool.drop(&done)
	} else {
		p.pool.give(in, &done)
	}
	return failure
}

// refuse returns an error for texts that no plugin is given. That is the caller's mistake, so the error
// wraps no sentinel.
func (p *Plugin) refuse(r hostapi.Role, texts ...string) error {
	for _, t := range texts {
		if len(t) > hostapi.MaxText {
			return fmt.Errorf("plugin %q: %s: a text has %d bytes, and plugins are given at most %d",
				p.name, r, len(t), hostapi.MaxText)
		}
		if !utf8.ValidString(t) {
			return fmt.Errorf("plugin %q: %s: a text of %d bytes is not valid UTF-8", p.name, r, len(t))
		}
	}
	return nil
}

// Normalize implements hostapi.Plugin.
func (p *Plugin) Normalize(ctx context.Context, text string) (string, error) {
	const role = hostapi.RoleNormalize
	if err := p.refuse(role, text); err != nil {
		return "", err
	}
	in, err := p.begin(ctx, role, p.steps)
	if err != nil {
		return "", err
	}
	out, err := in.guest.normalize(text)
	if err = p.end(in, role, err); err != nil {
		return "", err
	}
	return out, nil
}

// Score implements hostapi.Plugin. More than MaxCandidates are scored too, all with the steps of one
// lookup.
func (p *Plugin) Score(ctx context.Context, query string, candidates []string) ([]float32, error) {
	const role = hostapi.RoleScore
	if err := p.refuse(role, query); err != nil {
		return nil, err
	}
	if err := p.refuse(role, candidates...); err != nil {
		return nil, err
	}
	in, err := p.begin(ctx, role, scoreFactor*p.steps)
	if err != nil {
		return nil, err
	}
	scores, err := scoreAll(in.guest, query, candidates)
	if err = p.end(in, role, err); err != nil {
		return nil, err
	}
	return scores, nil
}

// Features implements hostapi.Plugin. Each batch of featuresBatch texts has the steps of a lookup, so that a
// call about many texts is not held to the time of one.
func (p *Plugin) Features(ctx context.Context, texts []string) ([][]uint64, error) {
	const role = hostapi.RoleFeatures
	if err := p.refuse(role, texts...); err != nil {
		return nil, err
	}
	steps := scoreFactor * p.steps * uint64(max(1, (len(texts)+featuresBatch-1)/featuresBatch))
	in, err := p.begin(ctx, role, min(steps, maxSteps))
	if err != nil {
		return nil, err
	}
	sets, err := featuresAll(in.guest, texts)
	if err = p.end(in, role, err); err != nil {
		return nil, err
	}
	return sets, nil
}

// Hook implements hostapi.Plugin.
func (p *Plugin) Hook(ctx context.Context, e *hostapi.Event) (*hostapi.Decision, error) {
	if !e.Hook.IsHook() {
		return nil, &hostapi.Error{Plugin: p.name, Call: string(e.Hook), Reason: hostapi.ErrRole}
	}
	event, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("plugin %q: %s: event: %w", p.name, e.Hook, err)
	}
	in, err := p.begin(ctx, e.Hook, p.steps)
	if err != nil {
		return nil, err
	}
	d, err := in.guest.hook(e.Hook, event)
	if err = p.end(in, e.Hook, err); err != nil {
		return nil, err
	}
	return d, nil
}

// Explain implements hostapi.Explainer.
func (p *Plugin) Explain(ctx context.Context, query, candidate string) (*hostapi.Explanation, error) {
	if err := p.refuse(roleExplain, query, candidate); err != nil {
		return nil, err
	}
	in, err := p.begin(ctx, roleExplain, scoreFactor*p.steps)
	if err != nil {
		return nil, err
	}
	e, err := in.guest.explain(query, candidate)
	if err = p.end(in, roleExplain, err); err != nil {
		return nil, err
	}
	return e, nil
}

// Close implements hostapi.Plugin. Calls that begin after it, and those that wait for an instance, get
// hostapi.ErrClosed.
func (p *Plugin) Close() error {
	p.pool.close()
	var err error
	p.closing.Do(func() {
		p.runtime.forget(p)
		err = p.compiled.Close(context.Background())
	})
	return err
}
