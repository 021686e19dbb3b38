package script

import (
	"context"
	"errors"
	"maps"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.starlark.net/starlark"

	"github.com/kvasir-cache/kvasir/hostapi"
)

// maxLoose is how many bytes a step may allocate that no account sees: see the package comment.
const maxLoose = 100

// bombs are bodies of normalize that would take memory or time without end if the interpreter had its
// way. Each has to end by the account or by a rule, soon, and with little memory.
var bombs = map[string]string{
	"loop":             "for i in range(1 << 40): pass",
	"nested loops":     "for i in range(1 << 20):\n        for j in range(1 << 20): pass",
	"comprehension":    "[0 for i in range(1 << 40)]",
	"text times":       "'x' * 1000000000",
	"times text":       "1000000000 * 'x'",
	"bytes times":      "bytes('x') * 1000000000",
	"list times":       "[0] * 1000000000",
	"tuple times":      "(0,) * 1000000000",
	"times in place":   "s = 'x'\n    for i in range(60): s *= 2",
	"text doubling":    "s = 'x'\n    for i in range(60): s = s + s",
	"doubling inplace": "s = 'x'\n    for i in range(60): s += s",
	"list doubling":    "l = [0]\n    for i in range(60): l = l + l",
	"list extends":     "l = [0]\n    for i in range(60): l += l",
	"extend":           "l = [0]\n    for i in range(60): l.extend(l)",
	"extend range":     "l = []\n    l.extend(range(1 << 40))",
	"add range":        "l = []\n    l += range(1 << 40)",
	"big power":        "n = 3\n    for i in range(60): n = n * n",
	"big in place":     "n = 3\n    for i in range(60): n *= n",
	"big shift":        "n = 1\n    for i in range(100000): n = n << 500",
	"big sum":          "n = 1 << 500\n    for i in range(1 << 40): n += n",
	"big digits":       "int('9' * 1000000)",
	"big mod":          "n = (1 << 511) * (1 << 511) * (1 << 511)\n    for i in range(1 << 40): n % 7",
	"list of range":    "list(range(1 << 40))",
	"tuple of range":   "tuple(range(1 << 40))",
	"set of range":     "set(range(1 << 40))",
	"sorted range":     "sorted(range(1 << 40))",
	"reversed range":   "reversed(range(1 << 40))",
	"enumerate range":  "enumerate(range(1 << 40))",
	"zip ranges":       "zip(range(1 << 40), range(1 << 40))",
	"max of range":     "max(range(1 << 40))",
	"all of range":     "all(range(1, 1 << 40))",
	"dict of pairs":    "dict(zip(range(1 << 40), range(1 << 40)))",
	"spread":           "f = lambda *a: len(a)\n    f(*range(1 << 40))",
	"spread dict":      "f = lambda **k: len(k)\n    f(**{str(i): i for i in range(1 << 40)})",
	"slice copies":     "l = [0] * 10000\n    m = []\n    for i in range(1 << 40): m.append(l[:])",
	"slice backwards":  "l = [0] * 10000\n    m = []\n    for i in range(1 << 40): m.append(l[::-1])",
	"text slices":      "s = 'x' * 1000000\n    m = []\n    for i in range(1 << 40): m.append(s[::2])",
	"kept texts":       "s = 'x' * 1000000\n    m = []\n    for i in range(1 << 40): m.append(s + 'y')",
	"join":             "l = ['x' * 1000000] * 1000\n    ''.join(l)",
	"join separators":  "('x' * 1000000).join([''] * 1000)",
	"replace":          "s = 'x' * 1000000\n    s.replace('', s)",
	"replace doubling": "s = 'x'\n    for i in range(60): s = s.replace('x', 'xx')",
	"format fields":    "s = 'x' * 1000000\n    ('{0}' * 1000).format(s)",
	"format names":     "s = 'x' * 1000000\n    ('%(a)s' * 1000) % {'a': s}",
	"format list":      "l = ['x' * 1000] * 1000\n    for i in range(60): l = [l, l]\n    '%s' % l",
	"split":            "s = 'x ' * 1000000\n    m = []\n    for i in range(1 << 40): m.append(s.split())",
	"elems":            "s = 'x' * 1000000\n    m = []\n    for i in range(1 << 40): m.append(s.elems())",
	"upper":            "s = 'x' * 1000000\n    m = []\n    for i in range(1 << 40): m.append(s.upper())",
	"items":            "d = {i: i for i in range(1000)}\n    m = []\n    for i in range(1 << 40): m.append(d.items())",
	"union":            "d = {i: i for i in range(1000)}\n    m = []\n    for i in range(1 << 40): m.append(d | d)",
	"set union":        "d = set(range(1000))\n    m = []\n    for i in range(1 << 40): m.append(d | d)",
	"write a tree":     "l = [0]\n    for i in range(60): l = [l, l]\n    str(l)",
	"write a deep one": "l = []\n    for i in range(10000): l = [l]\n    repr(l)",
	"write itself":     "l = []\n    l.append(l)\n    str(l)",
	"fail with a tree": "l = [0]\n    for i in range(60): l = [l, l]\n    fail(l)",
	"log a tree":       "l = [0]\n    for i in range(60): l = [l, l]\n    log(l)",
	"print a tree":     "l = [0]\n    for i in range(60): l = [l, l]\n    print(l)",
	"compare trees":    "l = [0] * 1000\n    m = [0] * 1000\n    for i in range(8):\n        l = [l] * 1000\n        m = [m] * 1000\n    l == m",
	"order trees":      "l = [0] * 1000\n    m = [0] * 1000\n    for i in range(8):\n        l = [l] * 1000\n        m = [m] * 1000\n    l < m",
	"find a tree":      "l = [0] * 1000\n    m = [0] * 1000\n    for i in range(8):\n        l = [l] * 1000\n        m = [m] * 1000\n    l in [m]",
	"index a tree":     "l = [0] * 1000\n    m = [0] * 1000\n    for i in range(8):\n        l = [l] * 1000\n        m = [m] * 1000\n    [m].index(l)",
	"sort trees":       "l = [0] * 1000\n    m = [0] * 1000\n    for i in range(8):\n        l = [l] * 1000\n        m = [m] * 1000\n    sorted([l, m])",
	"hash a tree":      "t = (0,)\n    for i in range(60): t = (t, t)\n    d = {}\n    d[t] = 1",
	"look up a tree":   "t = (0,)\n    for i in range(60): t = (t, t)\n    {}[t]",
	"tree as a key":    "t = (0,)\n    for i in range(60): t = (t, t)\n    return {t: 1}",
	"tree in a set":    "t = (0,)\n    for i in range(60): t = (t, t)\n    return str(set([t]))",
	"tree in a dict":   "t = (0,)\n    for i in range(60): t = (t, t)\n    t in {}",
	"get a tree":       "t = (0,)\n    for i in range(60): t = (t, t)\n    {}.get(t)",
	"comprehend trees": "t = (0,)\n    for i in range(60): t = (t, t)\n    {t: 1 for i in [1]}",
	"tree through *a":  "f = lambda *a: a\n    t = f(0)\n    for i in range(60): t = f(t, t)\n    {t: 1}",
	"tree by default":  "t = (0,)\n    for i in range(60): t = (t, t)\n    {}.setdefault(t, 1)",
	"search a text":    "s = 'x' * 1000000\n    for i in range(1 << 40): 'y' in s",
	"count a text":     "s = 'x' * 1000000\n    for i in range(1 << 40): s.count('y')",
	"compare texts":    "s = 'x' * 1000000\n    t = s + ''\n    for i in range(1 << 40): s == t",
	"fold":             "s = 'Ä ' * 100000\n    for i in range(1 << 40): text_fold(s, nfkc=True)",
	"fold and keep":    "m = []\n    for i in range(1 << 40): m.append(text_fold('\ufdfa' * 1000, nfkc=True))",
	"ngrams":           "s = 'x' * 1000000\n    m = []\n    for i in range(1 << 40): m.append(ngrams(s, n=(1, 8)))",
	"list of ngrams":   "g = ngrams('abcdefghijkl' * 100)\n    m = []\n    for i in range(1 << 40): m.append(list(g))",
	"jaccard":          "l = ['x' * 1000] * 1000\n    for i in range(1 << 40): ngram_jaccard('x', l)",
	"insert first":     "l = []\n    for i in range(1 << 40): l.insert(0, i)",
	"pop first":        "l = [0] * 1000000\n    for i in range(1 << 40): l.pop(0) if l else 0",
	"functions":        "m = []\n    for i in range(1 << 40): m.append(lambda: m)",
	"small lists":      "m = []\n    for i in range(1 << 40): m.append([])",
	"small dicts":      "m = []\n    for i in range(1 << 40): m.append({})",
	"full dicts":       "m = []\n    for i in range(1 << 40): m.append({1: 2})",
	"wide lists":       "m = []\n    for i in range(1 << 40): m.append([0, 0, 0, 0, 0, 0, 0, 0, 0, 0])",
	"dict entries":     "d = {}\n    for i in range(1 << 40): d[i] = i",
	"set elements":     "d = set()\n    for i in range(1 << 40): d.add(i)",
	"sets":             "m = []\n    for i in range(1 << 40): m.append(set())",
	"keyword calls":    "f = lambda **k: k\n    m = []\n    for i in range(1 << 40): m.append(f(a=1, b=2))",
	"method values":    "for i in range(1 << 40): 'x'.strip()",
	"same hashes":      "d = {}\n    for i in range(1 << 40): d[i << 32] = i",
	"print separator":  "s = 'x' * 1000000\n    print(sep=s, *([''] * 1000))",
	"dir":              "m = []\n    for i in range(1 << 40): m.append(dir(''))",
	"getattr":          "s = 'x' * 1000000\n    for i in range(1 << 40): getattr('', s, 0)",
	"pop dict":         "d = {i: i for i in range(1000)}\n    for i in range(1 << 40): d.pop('x' * 1000000, 0)",
	"huge output":      "return 'x' * 1048577",
}

func TestBombs_EndSoonAndWithLittleMemory(t *testing.T) {
	limits := hostapi.Limits{Steps: DefaultSteps, MemoryBytes: 32 << 20}
	for name, body := range bombs {
		p := mustLoadOptions(t, Options{Source: "def normalize(text):\n    " + body + "\n    return text\n", Name: "bomb", Limits: limits})
		before, begun := allocated(), time.Now()
		_, err := p.Normalize(context.Background(), "text")
		taken, bytes := time.Since(begun), allocated()-before
		if err == nil {
			t.Errorf("%s: did what it wanted", name)
			continue
		}
		if taken > 5*time.Second {
			t.Errorf("%s: took %v: %v", name, taken, err)
		}
		if bytes > limits.MemoryBytes+limits.Steps*maxLoose {
			t.Errorf("%s: allocated %d MB: %v", name, bytes>>20, err)
		}
		if !errors.Is(err, hostapi.ErrBudget) && !errors.Is(err, hostapi.ErrTrap) && !errors.Is(err, hostapi.ErrOutput) && !errors.Is(err, hostapi.ErrFailed) {
			t.Errorf("%s: got %v, want an error of the contract", name, err)
		}
		if len(err.Error()) > 2*hostapi.MaxMessage {
			t.Errorf("%s: the error has %d bytes", name, len(err.Error()))
		}
		t.Logf("%-18s %6.1f ms %6.1f MB  %.140s", name, float64(taken.Microseconds())/1000, float64(bytes)/(1<<20), err)
	}
}

// loose are the bombs that no account sees, since each step takes little.
var loose = []string{
	"functions", "small lists", "small dicts", "full dicts", "wide lists", "dict entries", "set elements", "sets",
	"keyword calls", "method values", "comprehension", "count",
}

func TestBombs_UnguardedStepsTakeLittle(t *testing.T) {
	bombs := maps.Clone(bombs)
	bombs["count"] = "n = 1 << 40\n    m = []\n    for i in range(1 << 40): m += [n + i]"
	worst := 0.0
	for _, name := range loose {
		limits := hostapi.Limits{Steps: DefaultSteps, MemoryBytes: 1 << 40}
		p := mustLoadOptions(t, Options{Source: "def normalize(text):\n    " + bombs[name] + "\n", Limits: limits})
		before := allocated()
		_, err := p.Normalize(context.Background(), "text")
		each := float64(allocated()-before) / DefaultSteps
		if worst = max(worst, each); each > maxLoose {
			t.Errorf("%s: %.0f bytes a step, want at most %d", name, each, maxLoose)
		}
		if !errors.Is(err, hostapi.ErrBudget) {
			t.Errorf("%s: got %v, want ErrBudget", name, err)
		}
	}
	t.Logf("at most %.0f bytes a step", worst)
}

// allocated returns how many bytes were allocated so far, also those that are garbage.
func allocated() uint64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.TotalAlloc
}

// Time may not hide in one instruction: a call whose context ends comes back soon, whatever it does.
func TestBombs_StopWhenTheCallerDoes(t *testing.T) {
	limits := hostapi.Limits{Steps: 1 << 40, MemoryBytes: 1 << 40}
	for _, name := range []string{"loop", "nested loops", "compare texts", "fold", "insert first", "big mod", "search a text", "method values"} {
		p := mustLoadOptions(t, Options{Source: "def normalize(text):\n    " + bombs[name] + "\n    return text\n", Limits: limits})
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		begun := time.Now()
		_, err := p.Normalize(ctx, "text")
		cancel()
		if taken := time.Since(begun); taken > 2*time.Second {
			t.Errorf("%s: took %v", name, taken)
		}
		if !errors.Is(err, hostapi.ErrBudget) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: got %v, want ErrBudget and the context's error", name, err)
		}
	}
}

func TestLoad_IsBoundedToo(t *testing.T) {
	for _, source := range []string{
		"x = [i for i in range(1 << 40)]\ndef normalize(text): return text",
		"x = 'x' * 1000000000\ndef normalize(text): return text",
		"def f():\n    for i in range(1 << 40): pass\nx = f()\ndef normalize(text): return text",
	} {
		if _, err := Load(context.Background(), Options{Source: source}); !errors.Is(err, hostapi.ErrLoad) || !strings.Contains(err.Error(), "budget") {
			t.Errorf("%s: got %v, want ErrLoad that names the budget", source, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Load(ctx, Options{Source: "def normalize(text): return text"}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
}

// The parser and the compiler call themselves for what is nested, and a stack that is used up ends the
// process.
func TestLoad_SurvivesDeepSources(t *testing.T) {
	for name, source := range map[string]string{
		"parentheses":  strings.Repeat("(", MaxSource-1),
		"closed":       "x = " + strings.Repeat("(", MaxSource/2-10) + "1" + strings.Repeat(")", MaxSource/2-10),
		"lists":        "x = " + strings.Repeat("[", MaxSource/2-10) + strings.Repeat("]", MaxSource/2-10),
		"minus":        "x = " + strings.Repeat("-", MaxSource-10) + "1",
		"not":          "x = " + strings.Repeat("not ", MaxSource/4-10) + "1",
		"sums":         "x = 1" + strings.Repeat("+1", MaxSource/2-10),
		"products":     "x = 1" + strings.Repeat("*1", MaxSource/2-10),
		"attributes":   "x = config" + strings.Repeat(".b", MaxSource/2-10),
		"calls":        "x = len" + strings.Repeat("()", MaxSource/2-10),
		"methods":      "x = ''" + strings.Repeat(".strip()", MaxSource/8-10),
		"lambdas":      "x = " + strings.Repeat("lambda:", MaxSource/7-10) + "1",
		"conditionals": "x = " + strings.Repeat("1 if 1 else ", MaxSource/12-10) + "1",
		"digits":       "x = " + strings.Repeat("9", MaxSource-10),
		"blocks":       nestedIfs(700),
		"long":         "#" + strings.Repeat("x", MaxSource),
	} {
		begun := time.Now()
		_, err := Load(context.Background(), Options{Source: source, Name: "deep"})
		if !errors.Is(err, hostapi.ErrLoad) {
			t.Errorf("%s: got %v, want ErrLoad", name, err)
		}
		t.Logf("%-12s %v: %.150v", name, time.Since(begun).Round(time.Millisecond), err)
	}
}

func nestedIfs(n int) string {
	var b strings.Builder
	b.WriteString("def f():\n")
	for i := range n {
		b.WriteString(strings.Repeat(" ", i+1) + "if 1:\n")
	}
	b.WriteString(strings.Repeat(" ", n+1) + "pass\n")
	return b.String()
}

// Whatever the interpreter has is guarded, or known to be harmless.
func TestGuards_CoverTheInterpreter(t *testing.T) {
	guards := functionGuards()
	for _, name := range unguarded {
		guards[name] = starlark.Universe[name]
	}
	for name := range starlark.Universe {
		if guards[name] == nil {
			t.Errorf("the built-in %s is not guarded", name)
		}
	}
	known := map[string]bool{}
	for _, v := range []starlark.HasAttrs{
		starlark.String(""), starlark.Bytes(""), starlark.NewList(nil), starlark.NewDict(0), starlark.NewSet(0),
	} {
		for _, name := range v.AttrNames() {
			known[name] = true
			if methods[name] == nil {
				t.Errorf("the method %s of a %s is not guarded", name, v.Type())
			}
		}
	}
	for name := range methods {
		if !known[name] {
			t.Errorf("no type has a method %s", name)
		}
	}
	for _, v := range []starlark.Value{starlark.None, starlark.True, starlark.MakeInt(1), starlark.Float(1), starlark.Tuple{}, grams{}} {
		if v, ok := v.(starlark.HasAttrs); ok {
			t.Errorf("a %s has methods %q, and they are not guarded", v.(starlark.Value).Type(), v.AttrNames())
		}
	}
}
