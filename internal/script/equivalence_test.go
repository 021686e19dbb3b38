package script

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"go.starlark.net/starlark"

	"github.com/kvasir-cache/kvasir/hostapi"
)

// A run gives what normalize of a file gives for a text.
type run func(text string) (string, error)

// unguardedRun lets the interpreter run the file as it is.
func unguardedRun(source string) (run, error) {
	p := &plugin{log: slog.New(slog.DiscardHandler), limits: withDefaults(hostapi.Limits{})}
	a := p.newAccount()
	a.begin(context.Background(), p.limits)
	globals, err := starlark.ExecFileOptions(dialect, a.thread, "plain", source, library(p.log))
	return func(text string) (string, error) {
		a.begin(context.Background(), p.limits)
		v, err := starlark.Call(a.thread, globals["normalize"], starlark.Tuple{starlark.String(text)}, nil)
		if err != nil {
			return "", err
		}
		return string(v.(starlark.String)), nil
	}, err
}

// checkSame reports where guards change what a file does to the texts, or what its errors say.
func checkSame(t *testing.T, source string, texts ...string) {
	t.Helper()
	plain, wantErr := unguardedRun(source)
	p, gotErr := Load(context.Background(), Options{Source: source, Name: "guarded"})
	if gotErr != nil || wantErr != nil {
		t.Fatalf("%s\nguarded %v\n plain  %v", source, gotErr, wantErr)
	}
	for _, text := range texts {
		want, wantErr := plain(text)
		got, gotErr := p.Normalize(context.Background(), text)
		if got != want || (gotErr == nil) != (wantErr == nil) {
			t.Errorf("%s %s\nguarded %q, %v\n plain  %q, %v", text, source, got, gotErr, want, wantErr)
			continue
		}
		var eval *starlark.EvalError
		if errors.As(wantErr, &eval) && !strings.HasSuffix(gotErr.Error(), eval.Msg) {
			t.Errorf("%s %s\nguarded %v\n plain  %v", text, source, gotErr, wantErr)
		}
	}
}

func TestGuards_KeepWhatOperatorsDo(t *testing.T) {
	values := []string{
		"0", "-3", "1 << 80", "2.5", "''", "'ab%s'", "b'x'", "[1, 'a']", "(1, 2)", "{1: 2}", "set([1, 3])", "None", "True", "range(3)",
		"a",
	}
	inPlace := []string{"+", "-", "*", "/", "//", "%", "&", "|", "^", "<<", ">>"}
	ops := append([]string{"in", "not in", "==", "!=", "<", "<=", ">", ">=", "and", "or"}, inPlace...)
	for _, x := range values {
		for _, y := range values {
			checkSame(t, operatorsFile(x, y, ops, inPlace), append(ops, "+=", "-=", "*=", "/=", "//=", "%=", "&=", "|=", "^=", "<<=", ">>=")...)
		}
		for _, op := range []string{"-", "+", "~", "not "} {
			checkSame(t, fmt.Sprintf("a = [2]\ndef normalize(text): return repr(%s(%s))", op, x), "")
		}
	}
}

// operatorsFile returns a file whose normalize applies the operator that is its text.
func operatorsFile(x, y string, ops, inPlace []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "def normalize(text):\n    a = [2]\n    x = %s\n    same = x\n", x)
	for _, op := range ops {
		fmt.Fprintf(&b, "    if text == %q: return repr(%s %s %s)\n", op, x, op, y)
	}
	for _, op := range inPlace {
		fmt.Fprintf(&b, "    if text == %q:\n        x %s= %s\n        return repr((x, same))\n", op+"=", op, y)
	}
	return b.String()
}

func TestGuards_KeepWhatSlicesDo(t *testing.T) {
	for _, x := range []string{"'abcde'", "b'abcde'", "[0, 1, 2, 3]", "(0, 1, 2)", "range(1, 9, 2)", "''", "[]"} {
		checkSame(t, fmt.Sprintf(`
N = [None, -9, -4, -2, -1, 0, 1, 2, 4, 9]
def normalize(text):
    x = %s
    show = list if type(x) == "range" else lambda x: x # empty ranges are written in several ways
    return repr([show(x[i:j:k]) for i in N for j in N for k in N if k != 0])`, x), "")
		for _, part := range []string{"::0", "'a':", ":2.0", "::1 << 80", "1", "-1", "9", "'a'"} {
			checkSame(t, fmt.Sprintf("def normalize(text):\n    x = %s\n    return repr(x[%s])", x, part), "")
		}
	}
	checkSame(t, "def normalize(text): return 1[2:]", "")
}

func TestGuards_KeepWhatMethodsAndFunctionsDo(t *testing.T) {
	for _, e := range []string{
		`" a b ".split()`, `"a,b,,c".split(",", 1)`, `"a b c".rsplit(None, 1)`, `"a\nb\r\n".splitlines(True)`, `"abc".partition("b")`,
		`"a-b".replace("-", "+", 1)`, `"aaa".replace("", "x")`, `"{} {x} {{}}".format(1, x=[2])`, `"{0}{1}{0}".format("a", "b")`,
		`"{!r}".format("a")`, `"%d %s %r %x %%" % (1, "a", "b", 255)`, `"%(a)s%(a)s" % {"a": 1}`, `"%s" % [1]`, `"%s %s" % (1,)`,
		`",".join(["a", "b"])`, `",".join([1])`, `"abc".find("c")`, `"abc".index("z")`, `"Abc".swapcase()`, `"aBc dE".title()`,
		`"abc".startswith(("x", "a"))`, `"xxabxx".strip("x")`, `"ab".elems()[0]`, `[c for c in "aé".codepoints()]`, `list("ab".elem_ords())`,
		`[3, 1, 2].index(1)`, `[1, 2].index(9)`, `[1].append(2)`, `[1, 2, 3].pop(0)`, `[1, 2, 3].pop()`, `[].pop()`, `[1, 2].remove(2)`,
		`[1].insert(0, 2)`, `{"a": 1}.get("b", 2)`, `{"a": 1}.items()`, `{"a": 1}.pop("b")`, `{"a": 1}.pop("b", 3)`, `{}.popitem()`,
		`{"a": 1}.setdefault("b", 2)`, `{"a": 1}.update([("b", 2)], c=3)`, `{[]: 1}`, `{}[[]]`, `{(1, (2, "x")): 1}[(1, (2, "x"))]`,
		`set([1, 2]).union([3], [4])`, `set([1]).issubset([1, 2])`, `set([1, 2]).difference([1])`, `set([1]).add(2)`, `set([[]])`,
		`sorted(["b", "a"], key=lambda x: x, reverse=True)`, `sorted([1, "a"])`, `max([1, 3, 2])`, `max([])`, `min("b", "a", key=len)`,
		`zip([1, 2], (3, 4), range(2))`, `enumerate(["a"], 5)`, `dict([("a", 1)], b=2)`, `list({"a": 1})`, `tuple([1])`, `reversed("a")`,
		`int("12")`, `int("0x1f", 0)`, `int("z")`, `int(2.9)`, `float("1e3")`, `float("x")`, `str(1.0)`, `repr("a\n\"")`, `bytes([65, 66])`,
		`hash("abc")`, `any([0, ""])`, `all([1, []])`, `bool([])`, `len("é")`, `len(5)`, `ord("é")`, `chr(233)`, `abs(-2)`, `type({})`,
		`dir([])`, `hasattr("", "join")`, `hasattr("", "x")`, `getattr("", "x", 1)`, `getattr("", "x")`, `list(5)`, `[x for x in 5]`,
		`(lambda *a, **k: (a, k))(*(1, 2), **{"x": 3})`, `(lambda a, b=2: (a, b))(1)`, `(lambda a: a)()`, `len(*[1, 2])`, `len(**{"x": 1})`,
		`[a + b for a, b in [(1, 2), (3, 4)] if a > 1]`, `{k: v for k, v in {"a": 1}.items()}`, `1 if "" else 2`, `None.x`, `"".x`, `5()`,
		`ngrams("abc") == ngrams("abc")`, `ngrams("abc") < ngrams("abc")`, `text_fold("É", case=True)`, `ngram_jaccard("a", ["a", "b"])`,
	} {
		checkSame(t, "def normalize(text): return repr("+e+")", "")
	}
}
