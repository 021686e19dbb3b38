package wasmhost

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/kvasir-cache/kvasir/hostapi"
	"github.com/kvasir-cache/kvasir/internal/wasmhost/meter"
)

// hostFunc is a function that guests can import.
type hostFunc struct {
	name    string
	params  []api.ValueType
	results []api.ValueType
	grant   hostapi.Grant // that it needs; empty for none
	call    func(in *instance, stack []uint64)
}

const (
	i32 = api.ValueTypeI32
	i64 = api.ValueTypeI64
	f64 = api.ValueTypeF64
)

func values(types ...api.ValueType) []api.ValueType { return types }

// Call implements api.GoModuleFunction. Guests are called with their instance as the context.
func (f hostFunc) Call(ctx context.Context, _ api.Module, stack []uint64) {
	f.call(ctx.(*instance), stack)
}

// offered is what is known about a function when a module asks for it.
type offered struct {
	signature string // as meter writes it
	grant     hostapi.Grant
}

// offers are the functions that a module can import, by module and name.
type offers map[string]map[string]offered

// offer makes the host functions of a runtime.
func offer(ctx context.Context, engine wazero.Runtime) (offers, error) {
	all := offers{}
	for _, m := range []struct {
		name  string
		base  func(wazero.HostModuleBuilder) // functions that others replace; may be nil
		funcs []hostFunc
	}{
		{hostapi.ImportHost, nil, kvasirFuncs},
		{hostapi.ImportAbort, nil, []hostFunc{abortFunc}},
		{hostapi.ImportWASI, wasiBase, wasiFuncs()},
		{importExtism, nil, extismFuncs()},
		{meter.TickModule, nil, []hostFunc{tickFunc}},
	} {
		builder := engine.NewHostModuleBuilder(m.name)
		if m.base != nil {
			m.base(builder)
		}
		for _, f := range m.funcs {
			builder.NewFunctionBuilder().WithGoModuleFunction(f, f.params, f.results).Export(f.name)
		}
		compiled, err := builder.Compile(ctx)
		if err != nil {
			return nil, fmt.Errorf("module %s: %w", m.name, err)
		}
		if _, err := engine.InstantiateModule(ctx, compiled, wazero.NewModuleConfig()); err != nil {
			return nil, fmt.Errorf("module %s: %w", m.name, err)
		}
		all[m.name] = table(compiled.ExportedFunctions(), m.funcs)
	}
	delete(all, meter.TickModule) // only the pass imports it
	return all, nil
}

var tickFunc = hostFunc{name: meter.TickName, call: func(in *instance, _ []uint64) { in.budget.tick(in) }}

func table(defs map[string]api.FunctionDefinition, funcs []hostFunc) map[string]offered {
	t := map[string]offered{}
	for name, d := range defs {
		t[name] = offered{signature: signature(d.ParamTypes(), d.ResultTypes())}
	}
	for _, f := range funcs {
		o := t[f.name]
		o.grant = f.grant
		t[f.name] = o
	}
	return t
}

// signature writes a type as meter.FuncType does.
func signature(params, results []api.ValueType) string {
	return meter.FuncType{Params: meterTypes(params), Results: meterTypes(results)}.String()
}

func meterTypes(types []api.ValueType) []meter.ValueType {
	out := make([]meter.ValueType, len(types))
	for i, t := range types {
		out[i] = meter.ValueType(t)
	}
	return out
}

// check reports the first import that is not offered, has another type or needs a grant that is not given.
func (o offers) check(imports []meter.Import, grants []hostapi.Grant) error {
	for _, i := range imports {
		f, ok := o[i.Module][i.Name]
		switch {
		case !ok && o[i.Module] == nil:
			return faultf(hostapi.ErrLoad, "it imports %q.%q, and there is no module %q here; there are %s",
				i.Module, i.Name, i.Module, o.modules())
		case !ok:
			return faultf(hostapi.ErrLoad, "it imports %q.%q, and module %q has no such function", i.Module, i.Name, i.Module)
		case f.signature != i.Type.String():
			return faultf(hostapi.ErrLoad, "it imports %q.%q as %s, want %s", i.Module, i.Name, i.Type, f.signature)
		case f.grant != "" && !slices.Contains(grants, f.grant):
			return faultf(hostapi.ErrLoad, "it imports %q.%q, which needs the grant %q; add it to the plugin's grants",
				i.Module, i.Name, f.grant)
		}
	}
	return nil
}

func (o offers) modules() string {
	var names []string
	for name := range o {
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}
