// Package plugins holds the plugins that come with Kvasir, as WebAssembly modules.
//
//	module, ok := plugins.Module("jaccard")
//
// They are plugins like any other, loaded through package wasmhost, with no grants. Their sources lie beside
// them, in C, and the README of each says what it does. plugins/build makes the modules, which are committed.
package plugins

import (
	"embed"
	"slices"

	"github.com/kvasir-cache/kvasir/hostapi"
)

//go:embed normalize/*/*.wasm score/*/*.wasm
var modules embed.FS

// Plugin is one that comes with Kvasir.
type Plugin struct {
	Name string
	Role hostapi.Role // what a strategy uses it for: RoleNormalize or RoleScore
	// Steps is the limit it is to have; 0 means the default. The guard compares long texts word by word.
	Steps uint64
}

// builtin has the normalizers in the order that a strategy is to use them.
var builtin = []Plugin{
	{Name: "unicode", Role: hostapi.RoleNormalize},
	{Name: "whitespace", Role: hostapi.RoleNormalize},
	{Name: "case", Role: hostapi.RoleNormalize},
	{Name: "punctuation", Role: hostapi.RoleNormalize},
	{Name: "politeness", Role: hostapi.RoleNormalize},
	{Name: "exact", Role: hostapi.RoleScore},
	{Name: "jaccard", Role: hostapi.RoleScore},
	{Name: "containment", Role: hostapi.RoleScore},
	{Name: "difference", Role: hostapi.RoleScore, Steps: 6_000_000},
}

// List returns all plugins there are, the normalizers first and in the order they are meant to be used in.
func List() []Plugin { return slices.Clone(builtin) }

// Limits returns what a plugin is to have at most.
func (p Plugin) Limits() hostapi.Limits { return hostapi.Limits{Steps: p.Steps} }

// Module returns the module of a plugin, which is the caller's. ok is false if there is none of that name.
func Module(name string) (module []byte, ok bool) {
	i := slices.IndexFunc(builtin, func(p Plugin) bool { return p.Name == name })
	if i < 0 {
		return nil, false
	}
	module, err := modules.ReadFile(builtin[i].path())
	return module, err == nil
}

// path is where a plugin lies.
func (p *Plugin) path() string {
	return string(p.Role) + "/" + p.Name + "/" + p.Name + ".wasm"
}
