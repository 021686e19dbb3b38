package config

import (
	"reflect"
	"testing"
)

// target returns where a value of the tree is kept.
func target(v value) any {
	switch v := v.(type) {
	case boolValue:
		return v.p
	case intValue:
		return v.p
	case numberValue:
		return v.p
	case textValue:
		return v.p
	case pathValue:
		return v.p
	case durationValue:
		return v.p
	case sizeValue:
		return v.p
	case hashValue:
		return v.p
	case listValue:
		return v.p
	case jsonValue:
		return v.p
	case choiceValue[string]:
		return v.p
	case choiceValue[Mode]:
		return v.p
	case choiceValue[Admit]:
		return v.p
	case choiceValue[Sampled]:
		return v.p
	case choiceValue[Answers]:
		return v.p
	case choiceValue[Identity]:
		return v.p
	case choiceValue[ServerLog]:
		return v.p
	case choiceValue[HostKind]:
		return v.p
	case baseURLValue:
		return v.p
	case envValue:
		return v.p
	case addressValue:
		return v.p
	}
	return nil
}

func TestTree_EveryFieldHasOneKey(t *testing.T) {
	c := Default()
	c.Host.Adapters = make([]Adapter, 1)
	addPlugin(c, "acme")
	addTenant(c, "acme")
	keys := map[any]string{}
	c.tree().leaves(func(n *node) {
		p := target(n.value)
		if keys[p] != "" {
			t.Errorf("%s and %s are the same field", keys[p], n.key)
		}
		keys[p] = n.key
		if n.doc == "" {
			t.Errorf("%s has no doc", n.key)
		}
	})
	fields := 0
	for _, part := range []any{&c.Cache, c.Strategies["default"], c.Plugins["acme"], &c.KV, &c.Host, &c.Host.Adapters[0], &c.Upstream, &c.Server, c.Tenants["acme"]} {
		v := reflect.ValueOf(part).Elem()
		for i := range v.NumField() {
			if name := v.Type().Field(i).Name; name == "Adapters" || name == "Script" {
				continue // what is in them has keys
			}
			fields++
			if keys[v.Field(i).Addr().Interface()] == "" {
				t.Errorf("%s.%s has no key", v.Type().Name(), v.Type().Field(i).Name)
			}
		}
	}
	if fields != len(keys) {
		t.Errorf("%d fields and %d keys", fields, len(keys))
	}
}

// What a setting is by default is a value it takes, or nothing could be written out.
func TestTree_DefaultsAreAllowed(t *testing.T) {
	c := Default()
	c.Host.Adapters = []Adapter{{Path: "a", Scale: 1}}
	addTenant(c, "acme")
	addPlugin(c, "acme").Script = map[string]string{"on_hit": "None"}
	c.tree().leaves(func(n *node) {
		v := n.value.get()
		if i, ok := v.(int); ok {
			v = int64(i)
		}
		if !n.value.set(v) {
			t.Errorf("%s refuses its own value %v", n.key, v)
		}
	})
}

// addTenant adds a tenant as a file does.
func addTenant(c *Config, name string) *Tenant {
	c.tenantsNode().named(name)
	return c.Tenants[name]
}

// addPlugin adds a plugin as a file does.
func addPlugin(c *Config, name string) *Plugin {
	c.pluginsNode().named(name)
	return c.Plugins[name]
}
