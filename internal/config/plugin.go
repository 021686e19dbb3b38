package config

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/kvasir-cache/kvasir/hostapi"
)

// Plugin is a table [plugin.NAME]. After Validate just one of Path, Program and Script is given.
type Plugin struct {
	Path      string // of a WebAssembly module or a Starlark file
	Program   string // path, or a name to look up in PATH
	Args      []string
	Script    map[string]string // Starlark expressions, by role; nil: none
	SHA256    string            // of the file at Path, in lower-case hex; empty: not said
	Memory    int64             // bytes
	Deadline  time.Duration     // 0: the default of its kind, 5 ms or, for a program, 100 ms
	Instances int               // 0: one for each processor, at least 2 and at most 8
	Grants    []string          // of hostapi.Grants
	Config    json.RawMessage   // an object; keys are in order, and dates are texts
}

// Limits of plugins.
const (
	defaultMemory = 64 << 20
	minMemory     = 64 << 10
	minDeadline   = time.Millisecond
	maxDeadline   = 10 * time.Second
	maxInstances  = 64
)

// pluginSuffixes are the kinds of files a plugin can be.
var pluginSuffixes = []string{".wasm", ".star"}

func defaultPlugin() *Plugin {
	return &Plugin{Memory: defaultMemory, Config: json.RawMessage("{}")}
}

// PluginNames returns the names of the plugins in the order of the file.
func (c *Config) PluginNames() []string { return slices.Clone(c.pluginNames) }

func (c *Config) pluginsNode() *node {
	n := table("plugin", "[plugin]", nil)
	n.example = "[plugin.acme]"
	for _, name := range c.pluginNames {
		n.children = append(n.children, pluginNode(name, c.Plugins[name], c.folder))
	}
	n.named = func(name string) *node {
		p := defaultPlugin()
		c.Plugins[name] = p
		c.pluginNames = append(c.pluginNames, name)
		child := pluginNode(name, p, c.folder)
		n.children = append(n.children, child)
		return child
	}
	return n
}

func pluginNode(name string, p *Plugin, folder string) *node {
	key := "plugin." + name
	return table(key, "["+key+"]", []*node{
		single("path", pathValue{p: &p.Path, folder: folder, suffixes: pluginSuffixes},
			"WebAssembly module (.wasm) or Starlark file (.star) that is the plugin"),
		single("program", pathValue{p: &p.Program, folder: folder, program: true},
			"native program that is the plugin"),
		single("args", listValue{p: &p.Args},
			"arguments of the program"),
		scriptNode(key+".script", p),
		single("sha256", hashValue{&p.SHA256},
			`SHA-256 that the file at path must have; "" is any`),
		single("memory", sizeValue{&p.Memory, minMemory, hostapi.MaxMemory},
			"memory of one instance of a module, or of one call of a script"),
		single("deadline", durationValue{p: &p.Deadline, low: minDeadline, high: maxDeadline, zero: true},
			"about how long a normalize or hook call may take, scoring a lookup five times as long; 0 is 5ms, for a program 100ms"),
		single("instances", intValue{p: &p.Instances, low: 1, high: maxInstances, zero: true},
			"calls at a time; 0 is one for each processor, at least 2 and at most 8"),
		single("grants", listValue{p: &p.Grants, words: grantNames()},
			"host functions that the plugin gets beside the common ones"),
		freeNode("config", &p.Config, "["+key+".config]",
			"settings of the plugin itself, given to it as JSON"),
	})
}

// scriptNode is a table of expressions by role. Those that are not given are not listed.
func scriptNode(key string, p *Plugin) *node {
	var roles []*node
	for _, role := range hostapi.Roles() {
		n := single(string(role), expressionValue{p, string(role)}, "Starlark expression for "+string(role))
		n.hidden = func() bool { return p.Script[n.name] == "" }
		roles = append(roles, n)
	}
	return table(key, "["+key+"]", roles)
}

func grantNames() []string {
	var names []string
	for _, grant := range hostapi.Grants() {
		names = append(names, string(grant))
	}
	return names
}

// expressionValue is the expression of a script for a role.
type expressionValue struct {
	p    *Plugin
	role string
}

func (e expressionValue) get() any     { return e.p.Script[e.role] }
func (e expressionValue) want() string { return "a Starlark expression in one line" }

func (e expressionValue) set(v any) bool {
	text, ok := v.(string)
	if !ok || strings.TrimSpace(text) == "" || strings.ContainsFunc(text, breaksLine) {
		return false
	}
	if e.p.Script == nil {
		e.p.Script = map[string]string{}
	}
	e.p.Script[e.role] = text
	return true
}

func breaksLine(r rune) bool { return r != '\t' && unicode.IsControl(r) }

// hashValue is 64 hex digits, or nothing.
type hashValue struct{ p *string }

func (h hashValue) get() any     { return *h.p }
func (h hashValue) want() string { return `64 hex digits or ""` }

func (h hashValue) set(v any) bool {
	text, ok := v.(string)
	isHex := len(text) == 64 && strings.Trim(text, "0123456789abcdefABCDEF") == ""
	if ok = ok && (isHex || text == ""); ok {
		*h.p = strings.ToLower(text)
	}
	return ok
}
