package script

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"go.starlark.net/starlark"

	"github.com/kvasir-cache/kvasir/hostapi"
)

// decodeConfig returns the object in data as a dict that cannot be changed.
func decodeConfig(data json.RawMessage) (*starlark.Dict, error) {
	object := map[string]any{}
	if len(bytes.TrimSpace(data)) > 0 {
		d := json.NewDecoder(bytes.NewReader(data))
		d.UseNumber()
		if err := d.Decode(&object); err != nil {
			return nil, fmt.Errorf("config: %w", err)
		}
		if _, err := d.Token(); err != io.EOF {
			return nil, fmt.Errorf("config: something follows the JSON value")
		}
	}
	v, err := fromJSON(object)
	if err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	v.Freeze()
	return v.(*starlark.Dict), nil
}

func fromJSON(v any) (starlark.Value, error) {
	switch v := v.(type) {
	case bool:
		return starlark.Bool(v), nil
	case string:
		return starlark.String(v), nil
	case json.Number:
		return fromNumber(v)
	case []any:
		return fromArray(v)
	case map[string]any:
		return fromObject(v)
	}
	return starlark.None, nil
}

func fromNumber(n json.Number) (starlark.Value, error) {
	if i, err := n.Int64(); err == nil {
		return starlark.MakeInt64(i), nil
	}
	f, err := n.Float64()
	return starlark.Float(f), err
}

func fromArray(array []any) (starlark.Value, error) {
	values := make([]starlark.Value, len(array))
	for i, item := range array {
		v, err := fromJSON(item)
		if err != nil {
			return nil, err
		}
		values[i] = v
	}
	return starlark.NewList(values), nil
}

// fromObject orders the keys, since a dict is walked over in the order it was made in.
func fromObject(object map[string]any) (starlark.Value, error) {
	dict := starlark.NewDict(len(object))
	for _, key := range slices.Sorted(maps.Keys(object)) {
		v, err := fromJSON(object[key])
		if err != nil {
			return nil, err
		}
		if err := dict.SetKey(starlark.String(key), v); err != nil {
			return nil, err
		}
	}
	return dict, nil
}

// readManifest checks the script's manifest by the rules for those in JSON.
func (p *plugin) readManifest(a *account, v starlark.Value) error {
	var data []byte
	if v != nil {
		if _, ok := v.(*starlark.Dict); !ok {
			return fmt.Errorf("manifest is of type %s, want a dict", v.Type())
		}
		if _, err := a.weigh(v); err != nil {
			return fmt.Errorf("manifest: %w", err)
		}
		plain, err := toJSON(v)
		if err != nil {
			return fmt.Errorf("manifest: %w", err)
		}
		if data, err = json.Marshal(plain); err != nil {
			return fmt.Errorf("manifest: %w", err)
		}
	}
	m, err := hostapi.DecodeManifest(data, p.exported())
	if err != nil {
		return errors.New(plain(err).Error())
	}
	if m.Name == "" {
		m.Name = cutName(p.name)
	}
	p.manifest = m
	p.limits = lower(p.limits, m.Limits)
	return nil
}

// cutName bounds the name of a plugin to what a manifest may say.
func cutName(name string) string { return name[:min(len(name), hostapi.MaxLabel)] }

// lower returns what the script wants of what it may have.
func lower(may, wants hostapi.Limits) hostapi.Limits {
	if wants.Steps > 0 {
		may.Steps = min(may.Steps, wants.Steps)
	}
	if wants.MemoryBytes > 0 {
		may.MemoryBytes = min(may.MemoryBytes, wants.MemoryBytes)
	}
	return may
}

// exported returns the roles that the script has functions for, in the order of the contract.
func (p *plugin) exported() []hostapi.Role {
	var roles []hostapi.Role
	for _, role := range hostapi.Roles() {
		if p.functions[role] != nil {
			roles = append(roles, role)
		}
	}
	return roles
}

// toJSON returns v as what package json writes. v has been weighed, so it ends.
func toJSON(v starlark.Value) (any, error) {
	switch v := v.(type) {
	case starlark.NoneType:
		return nil, nil
	case starlark.Bool:
		return bool(v), nil
	case starlark.String:
		return string(v), nil
	case starlark.Float:
		return float64(v), nil
	case starlark.Int:
		return json.Number(v.String()), nil
	case *starlark.Dict:
		return toObject(v)
	case starlark.Indexable:
		return toArray(v)
	}
	return nil, fmt.Errorf("a value of type %s cannot be in it", v.Type())
}

func toObject(dict *starlark.Dict) (any, error) {
	object := map[string]any{}
	for k, v := range dict.Entries() {
		key, ok := starlark.AsString(k)
		if !ok {
			return nil, fmt.Errorf("a key is of type %s, want a text", k.Type())
		}
		plain, err := toJSON(v)
		if err != nil {
			return nil, err
		}
		object[key] = plain
	}
	return object, nil
}

func toArray(list starlark.Indexable) (any, error) {
	array := make([]any, list.Len())
	for i := range array {
		plain, err := toJSON(list.Index(i))
		if err != nil {
			return nil, err
		}
		array[i] = plain
	}
	return array, nil
}
