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
}

// builtin has the normalizers in the order that a strategy is to use them.
var builtin = []Plugin{
	{"unicode", hostapi.RoleNormalize},
	{"whitespace", hostapi.RoleNormalize},
	{"case", hostapi.RoleNormalize},
	{"punctuation", hostapi.RoleNormalize},
	{"politeness", hostapi.RoleNormalize},
	{"exact", hostapi.RoleScore},
	{"jaccard", hostapi.RoleScore},
	{"containment", hostapi.RoleScore},
	{"difference", hostapi.RoleScore},
}

// List returns all plugins there are, the normalizers first and in the order they are meant to be used in.
func List() []Plugin { return slices.Clone(builtin) }

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
