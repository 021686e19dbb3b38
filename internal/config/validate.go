package config

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// Validate reports, as Problems, what is wrong with several settings together: a strategy that is
// not there, a KV type that needs flash attention, an adapter without a path, a snapshot without a
// name. Call it when the flags have been applied.
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
	add(c.checkStrategy())
	add(c.checkKVType())
	for i := range c.Host.Adapters {
		add(c.checkAdapter(i))
	}
	return problems
}

func (c *Config) checkFile() *Problem {
	if filepath.Base(c.Cache.File) != snapshotSuffix {
		return nil
	}
	return c.problem("cache.file", "found %s, want a path with a name before %s", quoteShort(c.Cache.File), snapshotSuffix)
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
