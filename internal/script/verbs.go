package script

import (
	"fmt"

	"go.starlark.net/starlark"

	"github.com/kvasir-cache/kvasir/hostapi"
)

// A verb is a function that makes a decision of one hook.
type verb struct {
	name string
	hook hostapi.Role
	sets string         // the field it decides, if it does
	to   starlark.Value // and what to
	args []string       // fields that its arguments set, in their order
}

// verbs are the functions that make decisions. Each may be used in the hook it belongs to only.
var verbs = []verb{
	{"bypass", hostapi.RoleOnLookup, "bypass", starlark.True, []string{"reason"}},
	{"lookup", hostapi.RoleOnLookup, "", nil, []string{"strategy", "topic", "reason"}},
	{"accept", hostapi.RoleOnHit, "accept", starlark.True, []string{"reason"}},
	{"reject", hostapi.RoleOnHit, "accept", starlark.False, []string{"reason"}},
	{"resume", hostapi.RoleOnMiss, "resume", starlark.True, []string{"max_restored_tokens", "reason"}},
	{"recompute", hostapi.RoleOnMiss, "resume", starlark.False, []string{"reason"}},
	{"store", hostapi.RoleOnStore, "store", starlark.True, []string{"ttl_ms", "topic", "tags", "save_state", "reason"}},
	{"drop", hostapi.RoleOnStore, "store", starlark.False, []string{"reason"}},
	{"keep", hostapi.RoleOnEvict, "keep", starlark.True, []string{"reason"}},
	{"evict", hostapi.RoleOnEvict, "keep", starlark.False, []string{"reason"}},
}

func verbGuards() starlark.StringDict {
	guards := starlark.StringDict{}
	for _, v := range verbs {
		guards[v.name] = starlark.NewBuiltin(v.name, v.call)
	}
	return guards
}

func (v verb) call(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var d hostapi.Decision
	if len(args) > len(v.args) {
		return nil, fmt.Errorf("%s: got %d arguments, want at most %d", v.name, len(args), len(v.args))
	}
	for i, arg := range args {
		if err := setField(&d, v.args[i], arg); err != nil {
			return nil, err
		}
	}
	for _, pair := range kwargs {
		if err := v.setNamed(&d, len(args), pair); err != nil {
			return nil, err
		}
	}
	if v.sets != "" {
		if err := setField(&d, v.sets, v.to); err != nil {
			return nil, err
		}
	}
	return &decision{v.hook, &d}, plain(d.Check(v.hook))
}

// setNamed sets the field of a named argument, of which the first taken were given by position.
func (v verb) setNamed(d *hostapi.Decision, taken int, pair starlark.Tuple) error {
	name, _ := starlark.AsString(pair[0])
	for i, arg := range v.args {
		switch {
		case arg != name:
		case i < taken:
			return fmt.Errorf("%s: %s is given twice", v.name, name)
		default:
			return setField(d, name, pair[1])
		}
	}
	return fmt.Errorf("%s: there is no argument %q, want one of %q", v.name, cutMessage(name), v.args)
}

func resultName(role hostapi.Role) string { return "return from " + string(role) }

// checksResult reports whether what a function of this role returns is checked where it returns it.
func checksResult(role hostapi.Role) bool { return role.IsHook() || role == hostapi.RoleNormalize }

// resultGuards check what roles return, where they return it, so that an error can say where that is.
func resultGuards() starlark.StringDict {
	guards := starlark.StringDict{}
	for _, role := range hostapi.Roles() {
		if checksResult(role) {
			guards[resultName(role)] = starlark.NewBuiltin(string(role), func(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
				return checkResult(role, args[0])
			})
		}
	}
	return guards
}

func checkResult(role hostapi.Role, v starlark.Value) (starlark.Value, error) {
	if role == hostapi.RoleNormalize {
		_, err := toText(v)
		return v, err
	}
	d, err := toDecision(role, v)
	if err != nil || d == nil {
		return starlark.None, err
	}
	return &decision{role, d}, nil
}
