package config

import (
	"cmp"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// Validate reports, as Problems, what is wrong with several settings together: a strategy that is
// not there, a KV type that needs flash attention, an adapter without a path, a snapshot without a
// name, a key in two places, a plugin that is nothing or two things, a tenant without a key, a server anyone can call,
// an upstream without an address. Call it when the flags have been applied.
func (c *Config) Validate() error {
	problems := c.problems()
	problems.sort()
	return problems.err()
}

func (c *Config) problems() Problems {
	var problems Problems
	add := func(p *Problem) {
		if p != nil {
			problems = append(problems, *p)
		}
	}
	add(c.checkFile())
	add(c.checkKey())
	add(c.checkStrategy())
	for _, name := range slices.Sorted(maps.Keys(c.Strategies)) {
		for _, p := range c.checkPlugins(name, c.Strategies[name]) {
			add(p)
		}
	}
	add(c.checkKVType())
	for _, name := range c.pluginNames {
		add(c.checkPlugin(name))
	}
	for i := range c.Host.Adapters {
		add(c.checkAdapter(i))
	}
	add(c.checkUpstream())
	add(c.checkListen())
	for _, name := range c.TenantNames() {
		add(c.checkTenant(name))
	}
	return problems
}

func (c *Config) checkFile() *Problem {
	if filepath.Base(c.Cache.File) != snapshotSuffix {
		return nil
	}
	return c.problem("cache.file", "found %s, want a path with a name before %s", quoteShort(c.Cache.File), snapshotSuffix)
}

func (c *Config) checkKey() *Problem {
	if c.Cache.KeyFile == "" || c.Cache.KeyEnv == "" {
		return nil
	}
	return c.problem("cache.key_env", "found beside cache.key_file, want one of them")
}

func (c *Config) checkStrategy() *Problem {
	name := c.Cache.Strategy
	if c.Strategies[name] != nil || c.failed["cache.strategy"] {
		return nil
	}
	names := slices.Sorted(maps.Keys(c.Strategies))
	text := fmt.Sprintf("found the string %s, want the name of a strategy: %s", quoteShort(name), strings.Join(names, ", "))
	if near := nearest(name, names); near != "" {
		text += fmt.Sprintf("; did you mean %q?", near)
	}
	return c.problem("cache.strategy", "%s", text)
}

// Built-in plugins, by what a strategy uses them for.
var (
	Normalizers = []string{"unicode", "whitespace", "case", "punctuation", "politeness"}
	Scorers     = []string{"exact", "jaccard", "containment"}
	Guards      = []string{"difference"}
)

// checkPlugins reports the names in a strategy that stand for nothing.
func (c *Config) checkPlugins(name string, s *Strategy) []*Problem {
	key := "strategy." + name + "."
	var problems []*Problem
	check := func(key, used string, known []string) {
		known = slices.Concat(known, c.pluginNames)
		if slices.Contains(known, used) || c.failed[key] {
			return
		}
		text := fmt.Sprintf("found the string %s, want a name of: %s", quoteShort(used), strings.Join(known, ", "))
		if near := nearest(used, known); near != "" {
			text += fmt.Sprintf("; did you mean %q?", near)
		}
		problems = append(problems, c.problem(key, "%s", text))
	}
	for _, n := range s.Normalize {
		check(key+"normalize", n, Normalizers)
	}
	for _, n := range s.Score {
		check(key+"score", n, Scorers)
	}
	check(key+"guard", s.Guard, append([]string{GuardOff}, Guards...))
	if len(s.Score) == 0 && !c.failed[key+"score"] {
		problems = append(problems, c.problem(key+"score", "found no scorer, want at least one"))
	}
	return problems
}

func (c *Config) checkKVType() *Problem {
	h := &c.Host
	if !strings.HasPrefix(h.KVType, "q") || h.FlashAttention || c.failed["host.flash_attention"] {
		return nil
	}
	return c.problem("host.kv_type", "found the string %q, which needs host.flash_attention to be true", h.KVType)
}

func (c *Config) checkAdapter(i int) *Problem {
	key := fmt.Sprintf("host.adapter[%d]", i)
	if c.Host.Adapters[i].Path != "" || c.failed[key+".path"] {
		return nil
	}
	return c.problem(key, "found no path, want the file of the adapter")
}

// checkPlugin reports a plugin that is not one of its three kinds, and settings of another kind.
func (c *Config) checkPlugin(name string) *Problem {
	p, key := c.Plugins[name], "plugin."+name
	path, program, script := key+".path", key+".program", key+".script"
	if c.failed[key] || c.failed[path] || c.failed[program] || c.failedBelow(script) {
		return nil
	}
	given := c.given(map[string]bool{path: p.Path != "", program: p.Program != "", script: p.Script != nil})
	switch {
	case len(given) == 0:
		return c.problem(key, "found no path, program or script, want one of them")
	case len(given) > 1:
		return c.problem(given[1], "found beside %s, want one of path, program and script", given[0])
	case p.SHA256 != "" && p.Path == "":
		return c.problem(key+".sha256", "found without a path, want it only beside the path of a file")
	case len(p.Args) > 0 && p.Program == "":
		return c.problem(key+".args", "found without a program, want them only beside a program")
	}
	return nil
}

// failedBelow says whether the value at a key, or one below it, was refused.
func (c *Config) failedBelow(key string) bool {
	for failed := range c.failed {
		if failed == key || strings.HasPrefix(failed, key+".") {
			return true
		}
	}
	return false
}

// given returns the keys that are, in the order of the file.
func (c *Config) given(keys map[string]bool) []string {
	maps.DeleteFunc(keys, func(_ string, is bool) bool { return !is })
	return slices.SortedFunc(maps.Keys(keys), func(a, b string) int {
		return cmp.Or(cmp.Compare(c.origins[a].at.start, c.origins[b].at.start), cmp.Compare(a, b))
	})
}

// problem returns a problem with a setting, at the place its value came from.
func (c *Config) problem(key, format string, args ...any) *Problem {
	message := fmt.Sprintf(format, args...)
	from, given := c.origins[key]
	switch {
	case given && from.flag != "":
		return &Problem{Flag: from.flag, Key: key, Message: message}
	case given:
		p := c.source.problem(from.at, key, "%s: %s", key, message)
		return &p
	}
	return &Problem{Key: key, Message: key + ": " + message}
}
