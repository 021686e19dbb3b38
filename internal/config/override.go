package config

import (
	"fmt"
	"strings"
)

// Override puts the values of a flag, named without its dashes, over what the file says. Of several
// values the last one counts, but those of lora replace the file's list. The error is a *Problem
// that names the flag; then nothing has changed. A flag that HasFlag denies is an error too.
//
// cache-threshold sets the threshold of the strategy that [cache] strategy names.
func (c *Config) Override(name string, values ...string) error {
	f := findFlag(name)
	switch {
	case f == nil:
		return fmt.Errorf("flag --%s sets nothing of the configuration", name)
	case name == adapterFlag:
		return c.overrideAdapters(f, values)
	case len(values) == 0:
		return nil
	}
	key := strings.Replace(f.Key, "NAME", c.Cache.Strategy, 1)
	n := c.tree().find(key)
	if n == nil {
		return &Problem{Flag: "--" + f.Name, Key: key, Message: fmt.Sprintf("there is no strategy %s", quoteShort(c.Cache.Strategy))}
	}
	text := values[len(values)-1]
	if v, ok := f.read(text); !ok || !n.value.set(v) {
		return f.problem(key, text, n.want())
	}
	c.origins[key] = origin{flag: "--" + f.Name}
	return nil
}

func (f *Flag) problem(key, text, want string) *Problem {
	if f.want != "" {
		want = f.want
	}
	return &Problem{Flag: "--" + f.Name, Key: key, Message: fmt.Sprintf("found %s, want %s", quoteShort(text), want)}
}

func (c *Config) overrideAdapters(f *Flag, values []string) error {
	fresh := Default()
	list := fresh.adaptersNode()
	for _, text := range values {
		if n := list.added(); !setAdapter(n, text) {
			return f.problem(f.Key, text, "FILE or FILE=SCALE, where SCALE is "+n.child("scale").want())
		}
	}
	c.Host.Adapters = fresh.Host.Adapters
	for _, n := range c.adaptersNode().elements {
		n.leaves(func(leaf *node) { c.origins[leaf.key] = origin{flag: "--" + f.Name} })
	}
	return nil
}

// setAdapter reads FILE[=SCALE] into an adapter.
func setAdapter(n *node, text string) bool {
	i := strings.LastIndexByte(text, '=')
	if i < 0 {
		return n.child("path").value.set(typed(text))
	}
	scale, ok := readNumber(text[i+1:])
	return ok && n.child("path").value.set(typed(text[:i])) && n.child("scale").value.set(scale)
}
