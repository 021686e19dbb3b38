package script

import (
	"fmt"

	"go.starlark.net/starlark"

	"github.com/kvasir-cache/kvasir/hostapi"
)

// functionCharges are the built-in functions that are guarded, with how many bytes they may allocate for
// each byte of their arguments. Those that are not here look at no more than the top of a value.
var functionCharges = map[string]int64{
	"all": 0, "any": 0, "max": 0, "min": 0, "hash": 0, "float": 0,
	"list": 2, "tuple": 2, "sorted": 3, "reversed": 2, "enumerate": 5, "zip": 5, "set": 8, "dict": 8,
	"bytes": 2, "int": 1, "str": written, "repr": written, "print": written,
}

// written stands for what write charges.
const written = -1

// unguarded are the built-in names that files get as they are.
var unguarded = []string{
	"None", "True", "False", "abs", "bool", "chr", "dir", "hasattr", "len", "ord", "range", "type",
}

// maxDigits is how many digits int(text) takes: enough for maxBits in any base but 2.
const maxDigits = 1300

// functionGuards are the built-in functions, guarded. They hide those of the interpreter.
func functionGuards() starlark.StringDict {
	guards := starlark.StringDict{
		"fail":    starlark.NewBuiltin("fail", fail),
		"getattr": starlark.NewBuiltin("getattr", getattr),
	}
	for name, times := range functionCharges {
		original := starlark.Universe[name].(*starlark.Builtin)
		guards[name] = starlark.NewBuiltin(name, func(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			if err := chargeFunction(accountOf(t), times, args, kwargs); err != nil {
				return nil, err
			}
			if err := checkDigits(name, args); err != nil {
				return nil, err
			}
			return checkBits(original.CallInternal(t, args, kwargs))
		})
	}
	return guards
}

func chargeFunction(a *account, times int64, args starlark.Tuple, kwargs []starlark.Tuple) error {
	if len(args) == 1 && len(kwargs) == 0 && isSmall(args[0]) {
		return nil
	}
	weight, err := weighArgs(a, args, kwargs)
	switch {
	case err != nil:
		return err
	case times == written:
		return a.write(1, weight)
	}
	return a.take(times * weight)
}

func checkDigits(name string, args starlark.Tuple) error {
	if name != "int" || len(args) == 0 {
		return nil
	}
	if s, ok := args[0].(starlark.String); ok && len(s) > maxDigits {
		return fmt.Errorf("a text of %d bytes is no number", len(s))
	}
	return nil
}

// getattr is as the interpreter's, but gives no methods, which could then be called unguarded.
func getattr(t *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if len(args) > 1 {
		if name, ok := args[1].(starlark.String); ok && methods[string(name)] != nil {
			return nil, fmt.Errorf("%s is a method: write it where it is called, as in x.%s()", string(name), string(name))
		}
	}
	return starlark.Universe["getattr"].(*starlark.Builtin).CallInternal(t, args, kwargs)
}

// fail ends the call with an error of the script's own making.
func fail(t *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if len(kwargs) > 0 {
		return nil, fmt.Errorf("fail: takes no named arguments")
	}
	text, err := joined(t, args)
	if err != nil {
		return nil, err
	}
	return nil, &kindError{hostapi.ErrFailed, text}
}

// joined returns what args say, for a log line or an error.
func joined(t *starlark.Thread, args starlark.Tuple) (string, error) {
	if err := chargeFunction(accountOf(t), written, args, nil); err != nil {
		return "", err
	}
	text := ""
	for i, v := range args {
		if i > 0 {
			text += " "
		}
		if s, ok := starlark.AsString(v); ok {
			text += s
		} else {
			text += v.String()
		}
		text = cutMessage(text)
	}
	return text, nil
}
