package script

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kvasir-cache/kvasir/hostapi"
)

func TestLoad_SaysWhereAndWhat(t *testing.T) {
	for _, c := range []struct{ source, want string }{
		{"", "want a path, a source or expressions"},
		{"x = 1", "there is no function named as a role is"},
		{"def on_hit(ev)\n    pass", "hooks.star:2:1: got newline, want ':'"},
		{"def on_hit(ev):\n    return evv", "hooks.star:2:12: undefined: evv"},
		{"def on_hit(ev):\n    return a + b", "hooks.star:2:12: undefined: a\nhooks.star:2:16: undefined: b"},
		{"load('a', 'b')\ndef on_hit(ev): pass", "hooks.star:1:1: a script is one file"},
		{"def on_hit(ev):\n    while True: pass", "hooks.star:2:5: while is not allowed"},
		{"def on_hit(ev):\n    f = ''.join\n    return f([])", "hooks.star:2:11: join is a method"},
		{"def on_hit(ev):\n    x = {}\n    x[f()] += 1", "hooks.star:3:12: the left side of += may call nothing"},
		{"def on_hit(ev, x): pass", `hooks.star:1:1: on_hit takes 2 arguments, want ["ev"]`},
		{"def on_hit(): pass", `hooks.star:1:1: on_hit takes 0 arguments, want ["ev"]`},
		{"def score(query): pass", `hooks.star:1:1: score takes 1 arguments, want ["query" "candidates"]`},
		{"on_hit = 1", "on_hit is of type int, want a function"},
		{"on_hit = len", "on_hit is of type builtin_function_or_method, want a function"},
		{"x = 1 // 0\ndef on_hit(ev): pass", "hooks.star:1:7: floored division by zero"},
		{"def f(x):\n    return x['a']\ny = f({})\ndef on_hit(ev): pass", `hooks.star:2:13 (in f): key "a" not in dict`},
		{"if True: pass\ndef on_hit(ev): pass", "hooks.star:1:1: if statement not within a function"},
		{"x = 1\nx += 1\ndef on_hit(ev): pass", "hooks.star:2:1: cannot reassign global x"},
		{"manifest = 1\ndef on_hit(ev): pass", "manifest is of type int, want a dict"},
		{"manifest = {'role': []}\ndef on_hit(ev): pass", `manifest: json: unknown field "role"`},
		{"manifest = {'roles': ['score']}\ndef on_hit(ev): pass", `roles[0] is "score", and the plugin has no function for it`},
		{"manifest = {'name': len}\ndef on_hit(ev): pass", "manifest: a value of type builtin_function_or_method cannot be in it"},
		{"manifest = {1: 2}\ndef on_hit(ev): pass", "manifest: a key is of type int, want a text"},
		{"a.b += 1\ndef on_hit(ev): pass", "undefined: a"},
		{"def on_hit(ev): a, b += 1", "hooks.star:1:22: the left side of += may call nothing"},
		{"def on_hit(ev):\n\treturn\n  pass", "hooks.star:3"},
		{"def on_hit(ev): return \"\xff\"\n", "hooks.star: it is not valid UTF-8"},
		{strings.Repeat("a()\n", 1000), "hooks.star:10:1: undefined: a\nand 990 more"},
	} {
		_, err := Load(context.Background(), Options{Source: c.source, Name: "hooks.star"})
		if !errors.Is(err, hostapi.ErrLoad) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q:\n got %v\nwant %s", c.source, err, c.want)
		}
	}
}

func TestLoad_InlineSaysWhichExpression(t *testing.T) {
	for text, want := range map[string]string{
		"":                "on_hit:1:1",
		"reject(":         "on_hit:1:8",
		"foo":             "on_hit:1:1: undefined: foo",
		"a = 1":           "on_hit:1:4",
		"ev.entry.strip":  "on_hit:1:9: strip is a method",
		"None\nreject(1)": "on_hit:2:7",
	} {
		_, err := Load(context.Background(), Inline(map[hostapi.Role]string{hostapi.RoleOnHit: text}))
		if !errors.Is(err, hostapi.ErrLoad) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
	for _, bad := range []map[hostapi.Role]string{nil, {}, {"on_hot": "None"}, {"on_hit": "None", "x": "1"}} {
		if _, err := Load(context.Background(), Inline(bad)); !errors.Is(err, hostapi.ErrLoad) {
			t.Errorf("%v: got %v, want ErrLoad", bad, err)
		}
	}
	p := mustLoadOptions(t, Inline(map[hostapi.Role]string{hostapi.RoleOnHit: "ev.entry.age"}))
	_, err := p.Hook(context.Background(), sampleEvent(hostapi.RoleOnHit))
	if !errors.Is(err, hostapi.ErrTrap) || !strings.Contains(err.Error(), "on_hit:1:9") {
		t.Errorf("got %v, want ErrTrap at on_hit:1:9", err)
	}
}

func TestLoad_ReadsAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "n.star")
	if _, err := Load(context.Background(), Options{Path: path}); !errors.Is(err, hostapi.ErrLoad) || !strings.Contains(err.Error(), path) {
		t.Errorf("no file: got %v", err)
	}
	if err := os.WriteFile(path, []byte("def normalize(text): return texx"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(context.Background(), Options{Path: path}); err == nil || !strings.Contains(err.Error(), path+":1:29") {
		t.Errorf("got %v, want an error at %s:1:29", err, path)
	}
	if err := os.WriteFile(path, make([]byte, MaxSource+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(context.Background(), Options{Path: path}); err == nil || !strings.Contains(err.Error(), "at most 262144") {
		t.Errorf("a long file: got %v", err)
	}
	if _, err := Load(context.Background(), Options{Path: path, Source: "x"}); !errors.Is(err, hostapi.ErrLoad) {
		t.Errorf("two scripts: got %v", err)
	}
}

// Each body is of a function that gets all arguments its role has.
func TestCalls_SayWhereAndWhat(t *testing.T) {
	for _, c := range []struct {
		role hostapi.Role
		body string
		kind error
		want string
	}{
		{"on_hit", `return {"acept": False}`, hostapi.ErrOutput, `test.star:2:5 (in on_hit): decision: unknown key "acept"`},
		{"on_hit", `return {"accept": "no"}`, hostapi.ErrOutput, `2:5 (in on_hit): decision: accept is of type string, want True or False`},
		{"on_hit", `return {"bypass": True}`, hostapi.ErrOutput, `2:5 (in on_hit): decision: bypass is not for on_hit`},
		{"on_hit", `return {1: True}`, hostapi.ErrOutput, `a key of type int`},
		{"on_hit", `return "no"`, hostapi.ErrOutput, `decision: got string, want a dict`},
		{"on_hit", `return True`, hostapi.ErrOutput, `decision: got bool`},
		{"on_hit", `return bypass("x")`, hostapi.ErrOutput, `decision: bypass is not for on_hit`},
		{"on_hit", `return reject(1)`, hostapi.ErrOutput, `2:18 (in on_hit): decision: reason is of type int, want a text`},
		{"on_hit", `return reject("a", "b")`, hostapi.ErrTrap, `2:18 (in on_hit): reject: got 2 arguments, want at most 1`},
		{"on_hit", `return reject(why="a")`, hostapi.ErrTrap, `there is no argument "why", want one of ["reason"]`},
		{"on_hit", `return reject("a", reason="a")`, hostapi.ErrTrap, `reason is given twice`},
		{"on_hit", `return reject("x" * 5000)`, hostapi.ErrOutput, `the reason is no text`},
		{"on_store", `return store(ttl_ms=-1)`, hostapi.ErrOutput, `2:17 (in on_store): decision: ttl_ms is -1`},
		{"on_store", `return store(ttl_ms=1.5)`, hostapi.ErrOutput, `ttl_ms is of type float, want a whole number`},
		{"on_store", `return store(ttl_ms=1 << 80)`, hostapi.ErrOutput, `ttl_ms is of type int, want a whole number`},
		{"on_store", `return store(tags="abc")`, hostapi.ErrOutput, `tags is of type string, want a list of texts`},
		{"on_store", `return store(tags=["a"] * 17)`, hostapi.ErrOutput, `17 tags`},
		{"on_store", `return store(tags=[1])`, hostapi.ErrOutput, `tags is of type list`},
		{"on_miss", `return resume(-5)`, hostapi.ErrOutput, `max_restored_tokens is negative`},
		{"on_lookup", `return lookup("")`, hostapi.ErrOutput, `strategy "" is not a text`},
		{"on_hit", `return ev.entry.nothing`, hostapi.ErrTrap, `2:20 (in on_hit): entry has no .nothing field or method`},
		{"on_lookup", `return ev.entry.age_ms`, hostapi.ErrTrap, `NoneType has no .age_ms field or method`},
		{"on_hit", `return ev.request.prompt.shout()`, hostapi.ErrTrap, `string has no .shout field or method`},
		{"on_hit", `return ev.split()`, hostapi.ErrTrap, `event has no .split method`},
		{"on_hit", `fail("no", 1)`, hostapi.ErrFailed, `2:9 (in on_hit): no 1`},
		{"on_hit", `return 1 + "a"`, hostapi.ErrTrap, `2:14 (in on_hit): unknown binary op: int + string`},
		{"on_hit", `x = "a"` + "\n" + `    x -= "b"`, hostapi.ErrTrap, `3:7 (in on_hit): unknown binary op: string - string`},
		{"on_hit", `return [][5]`, hostapi.ErrTrap, `2:14 (in on_hit): index 5 out of range`},
		{"on_hit", `def f(n): return f(n)` + "\n" + `    return f(1)`, hostapi.ErrTrap, `function f called recursively`},
		{"normalize", `return 1`, hostapi.ErrOutput, `2:5 (in normalize): normalize: got int, want a text`},
		{"normalize", `pass`, hostapi.ErrOutput, `1:1 (in normalize): normalize: got NoneType, want a text`},
		{"normalize", `return "é"[:1]`, hostapi.ErrOutput, `not valid UTF-8`},
		{"score", `return [0.5]`, hostapi.ErrOutput, `got list of 1, want a list of 2 numbers`},
		{"score", `return 1`, hostapi.ErrOutput, `got int of 0, want a list of 2 numbers`},
		{"score", `return [float("nan"), 1]`, hostapi.ErrOutput, `1:1 (in score): scores: number 0 is NaN, want 0 to 1`},
		{"score", `return (0, 1.5)`, hostapi.ErrOutput, `scores: number 1 is 1.5, want 0 to 1`},
		{"score", `return (0, float("inf"))`, hostapi.ErrOutput, `number 1 is +Inf`},
		{"score", `return ("a", 1)`, hostapi.ErrOutput, `scores: number 0 is of type string`},
		{"score", `return (1, 1 << 500)`, hostapi.ErrOutput, `number 1 is`},
		{"features", `return []`, hostapi.ErrOutput, `got list of 0, want a list of 2 sets`},
		{"features", `return [1, 2]`, hostapi.ErrOutput, `got int, want what ngrams returns`},
		{"features", `return [[-1], []]`, hostapi.ErrOutput, `no whole number from 0 to 2^64-1`},
		{"features", `return [["a"], []]`, hostapi.ErrOutput, `no whole number`},
		{"features", `return [range(1 << 30), []]`, hostapi.ErrOutput, `1073741824 numbers, at most 1048576`},
		{"normalize", `return ngrams(text, unit="rune")`, hostapi.ErrTrap, `unit "rune": want char or word`},
		{"normalize", `ngrams(text, n=(3, 2))`, hostapi.ErrTrap, `n from 3 to 2`},
		{"normalize", `ngrams(text, n="a")`, hostapi.ErrTrap, `n: want a whole number or two`},
		{"normalize", `ngram_jaccard(text, [1])`, hostapi.ErrTrap, `candidates: one is of type int`},
		{"normalize", `text_fold(text, lower=True)`, hostapi.ErrTrap, `unexpected keyword argument "lower"`},
		{"normalize", `log("x", level="loud")`, hostapi.ErrTrap, `level "loud"`},
		{"normalize", `getattr("", "join")`, hostapi.ErrTrap, `join is a method`},
	} {
		p := mustLoad(t, defOf(c.role, c.body))
		err := callRole(p, c.role)
		if !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), `plugin "test.star": `+string(c.role)+": ") {
			t.Errorf("%s: %s:\n got %v\nwant %v, %s", c.role, c.body, err, c.kind, c.want)
		}
	}
}

func defOf(role hostapi.Role, body string) string {
	return "def " + string(role) + "(" + strings.Join(paramsOf(role), ", ") + "):\n    " + body + "\n"
}

func callRole(p hostapi.Plugin, role hostapi.Role) (err error) {
	ctx := context.Background()
	switch role {
	case hostapi.RoleNormalize:
		_, err = p.Normalize(ctx, "some text")
	case hostapi.RoleFeatures:
		_, err = p.Features(ctx, []string{"some text", ""})
	case hostapi.RoleScore:
		_, err = p.Score(ctx, "some text", []string{"a", ""})
	default:
		_, err = p.Hook(ctx, sampleEvent(role))
	}
	return err
}

// What no plugin is given is the caller's mistake, not the script's.
func TestCalls_RefuseWhatIsTooLong(t *testing.T) {
	p := mustLoad(t, "def normalize(text): return text\ndef score(query, candidates): return []\ndef features(texts): return []\n")
	ctx, long := context.Background(), strings.Repeat("x", hostapi.MaxText+1)
	_, err1 := p.Normalize(ctx, long)
	_, err2 := p.Score(ctx, long, nil)
	_, err3 := p.Score(ctx, "", []string{long})
	_, err4 := p.Score(ctx, "", make([]string, hostapi.MaxCandidates+1))
	_, err5 := p.Features(ctx, []string{long})
	_, err6 := p.Features(ctx, make([]string, hostapi.MaxCandidates+1))
	for i, err := range []error{err1, err2, err3, err4, err5, err6} {
		var script *hostapi.Error
		if err == nil || errors.As(err, &script) {
			t.Errorf("call %d: got %v, want an error that blames no script", i+1, err)
		}
	}
}
