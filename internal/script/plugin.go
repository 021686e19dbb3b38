package script

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"unicode/utf8"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"github.com/kvasir-cache/kvasir/hostapi"
)

// plugin is a loaded script. All its fields but mu and threads are set by Load.
type plugin struct {
	name      string
	log       *slog.Logger
	limits    hostapi.Limits // of a normalize or hook call
	manifest  *hostapi.Manifest
	functions map[hostapi.Role]*starlark.Function
	threads   sync.Pool

	mu struct {
		sync.RWMutex // held for reading by every call
		closed       bool
	}
}

var _ hostapi.Plugin = (*plugin)(nil)

func (p *plugin) Manifest() *hostapi.Manifest { return p.manifest }

// Normalize implements hostapi.Plugin.
func (p *plugin) Normalize(ctx context.Context, text string) (normal string, err error) {
	if err := p.refuse(text); err != nil {
		return "", err
	}
	err = p.call(ctx, hostapi.RoleNormalize, func(_ *account, v starlark.Value) (err error) {
		normal, err = toText(v)
		return err
	}, starlark.String(text))
	return normal, err
}

// refuse refuses what no plugin is given. It is the caller's mistake and wraps no sentinel.
func (p *plugin) refuse(texts ...string) error {
	if len(texts) > hostapi.MaxCandidates+1 {
		return fmt.Errorf("plugin %q: %d texts, and plugins are given at most %d", p.name, len(texts), hostapi.MaxCandidates)
	}
	for _, t := range texts {
		if len(t) > hostapi.MaxText {
			return fmt.Errorf("plugin %q: a text has %d bytes, and plugins are given at most %d", p.name, len(t), hostapi.MaxText)
		}
		if !utf8.ValidString(t) {
			return fmt.Errorf("plugin %q: a text is not valid UTF-8", p.name)
		}
	}
	return nil
}

func toText(v starlark.Value) (string, error) {
	text, ok := starlark.AsString(v)
	switch {
	case !ok:
		return "", outputError("normalize: got %s, want a text", v.Type())
	case len(text) > hostapi.MaxText:
		return "", outputError("normalize: %d bytes, at most %d are allowed", len(text), hostapi.MaxText)
	case !utf8.ValidString(text):
		return "", outputError("normalize: the text is not valid UTF-8")
	}
	return text, nil
}

// Features implements hostapi.Plugin.
func (p *plugin) Features(ctx context.Context, texts []string) (sets [][]uint64, err error) {
	if err := p.refuse(append([]string{""}, texts...)...); err != nil {
		return nil, err
	}
	err = p.call(ctx, hostapi.RoleFeatures, func(a *account, v starlark.Value) (err error) {
		sets, err = toSets(a, v, len(texts))
		return err
	}, stringList(texts))
	return sets, err
}

func toSets(a *account, v starlark.Value, n int) ([][]uint64, error) {
	list, ok := v.(starlark.Indexable)
	if !ok || list.Len() != n {
		return nil, outputError("features: got %s of %d, want a list of %d sets", v.Type(), max(starlark.Len(v), 0), n)
	}
	sets := make([][]uint64, n)
	for i := range sets {
		set, err := toSet(a, list.Index(i))
		if err != nil {
			return nil, err
		}
		sets[i] = set
	}
	return sets, plain(hostapi.CheckFeatures(sets, n))
}

// Score implements hostapi.Plugin.
func (p *plugin) Score(ctx context.Context, query string, candidates []string) (scores []float32, err error) {
	if err := p.refuse(append([]string{query}, candidates...)...); err != nil {
		return nil, err
	}
	err = p.call(ctx, hostapi.RoleScore, func(_ *account, v starlark.Value) (err error) {
		scores, err = toScores(v, len(candidates))
		return err
	}, starlark.String(query), stringList(candidates))
	return scores, err
}

func toScores(v starlark.Value, n int) ([]float32, error) {
	list, ok := v.(starlark.Indexable)
	if !ok || list.Len() != n {
		return nil, outputError("scores: got %s of %d, want a list of %d numbers", v.Type(), max(starlark.Len(v), 0), n)
	}
	scores := make([]float32, n)
	for i := range scores {
		f, ok := starlark.AsFloat(list.Index(i))
		if !ok {
			return nil, outputError("scores: number %d is of type %s", i, list.Index(i).Type())
		}
		scores[i] = float32(f)
	}
	return scores, plain(hostapi.CheckScores(scores, n))
}

// Hook implements hostapi.Plugin.
func (p *plugin) Hook(ctx context.Context, e *hostapi.Event) (d *hostapi.Decision, err error) {
	if !e.Hook.IsHook() {
		return nil, &hostapi.Error{Plugin: p.name, Call: cutMessage(string(e.Hook)), Reason: hostapi.ErrRole}
	}
	err = p.call(ctx, e.Hook, func(_ *account, v starlark.Value) (err error) {
		d, err = toDecision(e.Hook, v)
		return err
	}, showEvent(e))
	return d, err
}

// Close implements hostapi.Plugin. It may be called twice.
func (p *plugin) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.closed = true
	return nil
}

// call calls the function of a role and hands read its result while the account is still open.
func (p *plugin) call(ctx context.Context, role hostapi.Role, read func(*account, starlark.Value) error, args ...starlark.Value) error {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if p.mu.closed {
		return &hostapi.Error{Plugin: p.name, Call: string(role), Reason: hostapi.ErrClosed}
	}
	fn := p.functions[role]
	if fn == nil || !p.manifest.Has(role) {
		return &hostapi.Error{Plugin: p.name, Call: string(role), Reason: hostapi.ErrRole}
	}
	return p.run(ctx, string(role), p.limitsOf(role), func(a *account) error {
		v, err := starlark.Call(a.thread, fn, args, nil)
		if err != nil {
			return err
		}
		if err := read(a, v); err != nil {
			return fmt.Errorf("%s (in %s): %w", fn.Position(), fn.Name(), err)
		}
		return nil
	})
}

func (p *plugin) limitsOf(role hostapi.Role) hostapi.Limits {
	limits := p.limits
	if role == hostapi.RoleScore || role == hostapi.RoleFeatures {
		limits.Steps = times(limits.Steps, scoringFactor)
	}
	return limits
}

func times(n, factor uint64) uint64 {
	if n > ^uint64(0)/factor {
		return ^uint64(0)
	}
	return n * factor
}

// run does something on a thread with an account of its own. A panic in the interpreter is a trap; its
// thread is not used again.
func (p *plugin) run(ctx context.Context, during string, limits hostapi.Limits, do func(*account) error) (err error) {
	a, _ := p.threads.Get().(*account)
	if a == nil {
		a = p.newAccount()
	}
	defer func() {
		if r := recover(); r != nil {
			err = &hostapi.Error{Plugin: p.name, Call: during, Reason: hostapi.ErrTrap, Text: cutMessage(fmt.Sprintf("the interpreter: %v", r))}
			return
		}
		a.ctx = nil
		p.threads.Put(a)
	}()
	a.begin(ctx, limits)
	if err := a.exceeded(); err != nil { // the context was over before
		return p.explain(a, during, err)
	}
	return p.explain(a, during, do(a))
}

func (p *plugin) newAccount() *account {
	a := &account{}
	a.thread = &starlark.Thread{
		Name:       p.name,
		OnMaxSteps: a.check,
		Print: func(_ *starlark.Thread, text string) {
			writeLine(a, p.log, slog.LevelDebug, text)
		},
	}
	a.thread.SetLocal(accountKey, a)
	return a
}

// start runs the top level and keeps what it defines.
func (p *plugin) start(ctx context.Context, program *starlark.Program, predeclared starlark.StringDict) error {
	limits := p.limits
	limits.Steps = times(limits.Steps, scoringFactor)
	return p.run(ctx, "load", limits, func(a *account) error {
		globals, err := program.Init(a.thread, predeclared)
		if err != nil {
			return err
		}
		globals.Freeze()
		if err := p.findFunctions(globals); err != nil {
			return err
		}
		return p.readManifest(a, globals["manifest"])
	})
}

// findFunctions keeps the functions that are named like roles.
func (p *plugin) findFunctions(globals starlark.StringDict) error {
	p.functions = map[hostapi.Role]*starlark.Function{}
	for _, role := range hostapi.Roles() {
		v, ok := globals[string(role)]
		if !ok {
			continue
		}
		fn, ok := v.(*starlark.Function)
		if !ok {
			return fmt.Errorf("%s is of type %s, want a function", role, v.Type())
		}
		if err := checkParams(role, fn); err != nil {
			return err
		}
		p.functions[role] = fn
	}
	if len(p.functions) == 0 {
		return fmt.Errorf("there is no function named as a role is: want one of %q", hostapi.Roles())
	}
	return nil
}

// paramsOf returns the names that the parameters of a role's function have in docs and expressions.
func paramsOf(role hostapi.Role) []string {
	switch role {
	case hostapi.RoleNormalize:
		return []string{"text"}
	case hostapi.RoleFeatures:
		return []string{"texts"}
	case hostapi.RoleScore:
		return []string{"query", "candidates"}
	}
	return []string{"ev"}
}

// checkParams reports a function that cannot be called with as many arguments as its role gives it.
func checkParams(role hostapi.Role, fn *starlark.Function) error {
	want, required := len(paramsOf(role)), 0
	positional := fn.NumParams() - fn.NumKwonlyParams()
	if fn.HasVarargs() {
		positional--
	}
	if fn.HasKwargs() {
		positional--
	}
	for i := range fn.NumParams() {
		if i < positional && fn.ParamDefault(i) == nil {
			required++
		}
	}
	if required > want || positional < want && !fn.HasVarargs() {
		return syntax.Error{Pos: fn.Position(), Msg: fmt.Sprintf("%s takes %d arguments, want %q", role, positional, paramsOf(role))}
	}
	return nil
}
