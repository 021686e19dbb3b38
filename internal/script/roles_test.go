package script

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/kvasir-cache/kvasir/hostapi"
	"github.com/kvasir-cache/kvasir/internal/ngram"
)

func TestNormalize_GivesWhatTheFunctionReturns(t *testing.T) {
	for _, c := range []struct{ body, text, want string }{
		{`return text`, "", ""},
		{`return text.strip().lower()`, "  Hello ", "hello"},
		{`return text_fold(text, nfkc=True, case=True, space=True)`, "ﬁne\u00a0 Ａ", "fine a"},
		{`return text_fold(text, diacritics=True)`, "Zoë", "Zoe"},
		{`return text[::-1]`, "abc", "cba"},
		{`return text[1:3] + text[-1] + text[:1] + text[5:2]`, "abcd", "bcda"},
		{`return " ".join(sorted(text.split()))`, "c a b", "a b c"},
		{`return "%s|%d|%r" % (text, 7, [text])`, "x", `x|7|["x"]`},
		{`return "{}-{a}".format(text, a=1)`, "x", "x-1"},
		{`return str({"a": (1, 2.5, None, True)})`, "", `{"a": (1, 2.5, None, True)}`},
		{`
    counts = {}
    for w in text.split():
        counts[w] = counts.get(w, 0) + 1
        counts[w] += 0
    l = []
    l += [k + "=" + str(v) for k, v in counts.items()]
    same = l
    l += ["end"]
    d = {}
    d |= {"n": len(same)}
    return ",".join(same) + str(d["n"])`, "b a b", "b=2,a=1,end3"},
		{`return "".join([c.upper() if i % 2 else c for i, c in enumerate(text.elems())])`, "abcd", "aBcD"},
		{`return str(sorted(list(set([3, 1, 2]) - set([3]))))`, "", "[1, 2]"},
		{`return str([x for x in range(10) if x % 3 == 0][1:][::2]) + str((1, 2, 3)[1:])`, "", "[3, 9](2, 3)"},
		{`
    n = 7
    n <<= 3
    n //= 5
    n *= -2
    return str(n) + str(2 * 3 - 1) + str(7 / 2) + str(-7 // 2) + str("a" in text) + str(1 not in [1])`, "a", "-2253.5-4TrueFalse"},
		{`
    def inner(*a, **k):
        return str(a) + str(k)
    return inner(*[1, 2], **{"x": 3}) + inner(4, y=5)`, "", `(1, 2){"x": 3}(4,){"y": 5}`},
		{`return str(max([1, 3], [2])) + str(min(4, 2)) + str(any([0, 1])) + str(all([])) + str(zip([1], [2]))`, "", "[2]2TrueTrue[(1, 2)]"},
		{`return str(int("ff", 16)) + str(list(reversed([1, 2]))) + str(dict(a=1)) + str(1 << 70)`, "", `255[2, 1]{"a": 1}1180591620717411303424`},
		{`return ",".join(text.codepoints()) + str(bytes("é"))`, "aé", "a,é" + `b"é"`},
		{`return getattr([1], "nothing", "default") + type(getattr)`, "", "defaultbuiltin_function_or_method"},
		{`return str("abc" == text) + str([1, [2]] == [1, [2]]) + str((1, "b") < (1, "c"))`, "abc", "TrueTrueTrue"},
	} {
		p := mustLoad(t, "def normalize(text):\n    "+c.body+"\n")
		got, err := p.Normalize(context.Background(), c.text)
		if err != nil || got != c.want {
			t.Errorf("%s\nof %q: got %q, %v, want %q", c.body, c.text, got, err, c.want)
		}
	}
}

func TestScoreAndFeatures_AreTheNativeOnes(t *testing.T) {
	p := mustLoad(t, `
def score(query, candidates):
    return ngram_jaccard(query, candidates, unit="char", n=(2, 3))
def features(texts):
    return [ngrams(t, unit="word", n=1) for t in texts]
`)
	candidates := []string{"what is it", "", "something else", "what was it"}
	scores, err := p.Score(context.Background(), "what is it", candidates)
	if want := (ngram.Spec{Min: 2, Max: 3}).Scores("what is it", candidates); err != nil || !slices.Equal(scores, want) {
		t.Errorf("scores: got %v, %v, want %v", scores, err, want)
	}
	sets, err := p.Features(context.Background(), candidates)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range candidates {
		if want := (ngram.Spec{Unit: ngram.Word, Min: 1, Max: 1}).AppendSet(nil, c); !slices.Equal(sets[i], want) {
			t.Errorf("features of %q: got %x, want %x", c, sets[i], want)
		}
	}
	if scores, err := p.Score(context.Background(), "a", nil); err != nil || len(scores) != 0 {
		t.Errorf("no candidates: got %v, %v", scores, err)
	}
}

func TestFeatures_TakeNumbersInAnyOrder(t *testing.T) {
	p := mustLoad(t, `
def features(texts):
    g = ngrams("abc", n=2)
    return ([3, 1, 3, 1 << 63], (), set([9, 8]), g, [x for x in g], [len(g), 1 if g[0] in g else 0, 5 in g])[:len(texts)]
`)
	got, err := p.Features(context.Background(), []string{"", "", "", "", ""})
	if err != nil {
		t.Fatal(err)
	}
	grams := (ngram.Spec{Min: 2, Max: 2}).AppendSet(nil, "abc")
	want := [][]uint64{{1, 3, 1 << 63}, {}, {8, 9}, grams, grams}
	if !slices.EqualFunc(got, want, slices.Equal[[]uint64]) {
		t.Errorf("got %x, want %x", got, want)
	}
}

func TestHook_ReturnsDecisions(t *testing.T) {
	for _, c := range []struct {
		hook       hostapi.Role
		body, want string
	}{
		{hostapi.RoleOnHit, `pass`, "null"},
		{hostapi.RoleOnHit, `return None`, "null"},
		{hostapi.RoleOnHit, `return {}`, "{}"},
		{hostapi.RoleOnHit, `return {"accept": False, "reason": "stale"}`, `{"accept":false,"reason":"stale"}`},
		{hostapi.RoleOnHit, `return {"accept": None}`, "{}"},
		{hostapi.RoleOnHit, `return reject("stale")`, `{"accept":false,"reason":"stale"}`},
		{hostapi.RoleOnHit, `return reject()`, `{"accept":false}`},
		{hostapi.RoleOnHit, `return accept(reason="fresh")`, `{"accept":true,"reason":"fresh"}`},
		{hostapi.RoleOnLookup, `return bypass("private")`, `{"bypass":true,"reason":"private"}`},
		{hostapi.RoleOnLookup, `return lookup("exact", topic="code")`, `{"strategy":"exact","topic":"code"}`},
		{hostapi.RoleOnLookup, `return {"bypass": False, "strategy": "default", "topic": "x"}`, `{"bypass":false,"strategy":"default","topic":"x"}`},
		{hostapi.RoleOnMiss, `return resume(max_restored_tokens=512)`, `{"resume":true,"max_restored_tokens":512}`},
		{hostapi.RoleOnMiss, `return recompute("short")`, `{"resume":false,"reason":"short"}`},
		{hostapi.RoleOnStore, `return drop("an error")`, `{"store":false,"reason":"an error"}`},
		{hostapi.RoleOnStore, `return store(ttl_ms=24*3600*1000, topic="geo", tags=["a", "b"], save_state=False)`,
			`{"topic":"geo","store":true,"ttl_ms":86400000,"tags":["a","b"],"save_state":false}`},
		{hostapi.RoleOnStore, `return store(0.5 * 3600 * 1000)`, `{"store":true,"ttl_ms":1800000}`},
		{hostapi.RoleOnStore, `return {"tags": ()}`, `{}`},
		{hostapi.RoleOnEvict, `return keep("dear")`, `{"keep":true,"reason":"dear"}`},
		{hostapi.RoleOnEvict, `return evict()`, `{"keep":false}`},
	} {
		p := mustLoad(t, "def "+string(c.hook)+"(ev):\n    "+c.body+"\n")
		d, err := p.Hook(context.Background(), sampleEvent(c.hook))
		if got := asJSON(d); err != nil || got != c.want {
			t.Errorf("%s: %s: got %s, %v, want %s", c.hook, c.body, got, err, c.want)
		}
	}
}

func TestHook_AFunctionMadeElsewhereCountsToo(t *testing.T) {
	p := mustLoad(t, `
def older(ms):
    return lambda ev: {"accept": False} if ev.entry.age_ms > ms else None
on_hit = older(1000)
on_miss = lambda ev: {"accept": False}
`)
	d, err := p.Hook(context.Background(), sampleEvent(hostapi.RoleOnHit))
	if err != nil || asJSON(d) != `{"accept":false}` {
		t.Errorf("got %s, %v", asJSON(d), err)
	}
	_, err = p.Hook(context.Background(), sampleEvent(hostapi.RoleOnMiss))
	if !errors.Is(err, hostapi.ErrOutput) || !strings.Contains(err.Error(), "test.star:5:11") {
		t.Errorf("got %v, want ErrOutput at test.star:5:11", err)
	}
}

func TestInline_SeesTheParametersOfItsRole(t *testing.T) {
	p := mustLoadOptions(t, Inline(map[hostapi.Role]string{
		hostapi.RoleNormalize: `text.lower()`,
		hostapi.RoleFeatures:  `[ngrams(t) for t in texts]`,
		hostapi.RoleScore:     `[1 if c == query else 0.5 for c in candidates]`,
		hostapi.RoleOnHit:     `reject("stale") if ev.entry.age_ms > 3600*1000 else None`,
		hostapi.RoleOnStore:   `drop("no answer") if not ev.result.answer.strip() else store(ttl_ms=1000)`,
	}))
	ctx := context.Background()
	if got, err := p.Normalize(ctx, "ABC"); got != "abc" || err != nil {
		t.Errorf("normalize: got %q, %v", got, err)
	}
	if got, err := p.Score(ctx, "a", []string{"a", "b"}); !slices.Equal(got, []float32{1, 0.5}) || err != nil {
		t.Errorf("score: got %v, %v", got, err)
	}
	if got, err := p.Features(ctx, []string{"abc"}); len(got) != 1 || len(got[0]) != 3 || err != nil {
		t.Errorf("features: got %v, %v", got, err)
	}
	for hook, want := range map[hostapi.Role]string{
		hostapi.RoleOnHit: `{"accept":false,"reason":"stale"}`, hostapi.RoleOnStore: `{"store":true,"ttl_ms":1000}`,
	} {
		if d, err := p.Hook(ctx, sampleEvent(hook)); asJSON(d) != want || err != nil {
			t.Errorf("%s: got %s, %v, want %s", hook, asJSON(d), err, want)
		}
	}
	if _, err := p.Hook(ctx, sampleEvent(hostapi.RoleOnMiss)); !errors.Is(err, hostapi.ErrRole) {
		t.Errorf("on_miss: got %v, want ErrRole", err)
	}
}

func TestPlugin_HasTheRolesOfItsFunctions(t *testing.T) {
	p := mustLoad(t, "def on_hit(ev): pass\ndef normalize(text): return text\ndef helper(x): return x\n")
	if got := p.Manifest(); got.Name != "test.star" || !slices.Equal(got.Roles, []hostapi.Role{"normalize", "on_hit"}) {
		t.Errorf("got %s", asJSON(got))
	}
	ctx := context.Background()
	_, err1 := p.Score(ctx, "", nil)
	_, err2 := p.Features(ctx, nil)
	_, err3 := p.Hook(ctx, sampleEvent(hostapi.RoleOnEvict))
	_, err4 := p.Hook(ctx, &hostapi.Event{Hook: "normalize"})
	for _, err := range []error{err1, err2, err3, err4} {
		if !errors.Is(err, hostapi.ErrRole) {
			t.Errorf("got %v, want ErrRole", err)
		}
	}
}

func TestManifest_IsReadFromADict(t *testing.T) {
	p := mustLoad(t, `
manifest = {
    "name": "mine", "version": "1.2", "roles": ["score"],
    "scorer": {"class": "rerank", "index": {"unit": "word", "min": 1, "max": 2, "floor": 0.25}, "sound": True},
    "limits": {"steps": 20000},
}
def score(query, candidates): return [0 for c in candidates for x in range(1000)][:len(candidates)]
def normalize(text): return text
`)
	m := p.Manifest()
	if m.Name != "mine" || m.Version != "1.2" || m.Scorer.Index.Floor != 0.25 || !m.Scorer.Sound || len(m.Roles) != 1 {
		t.Errorf("got %s", asJSON(m))
	}
	if _, err := p.Normalize(context.Background(), "a"); !errors.Is(err, hostapi.ErrRole) {
		t.Errorf("a function that the manifest leaves out: got %v, want ErrRole", err)
	}
	if _, err := p.Score(context.Background(), "", []string{""}); err != nil {
		t.Errorf("1,000 rounds within 5 times 20,000 steps: %v", err)
	}
	if _, err := p.Score(context.Background(), "", make([]string, 100)); !errors.Is(err, hostapi.ErrBudget) {
		t.Errorf("100,000 rounds: got %v, want ErrBudget", err)
	}
}

func TestConfig_IsFrozenAndDeterministic(t *testing.T) {
	const source = `
RULES = [str(x) for x in config.items()]
def normalize(text):
    if text == "change":
        config["x"] = 1
    if text == "nested":
        config["l"].append(1)
    return ",".join(RULES)
`
	o := Options{Source: source, Name: "c", Config: []byte(`{"z": 1, "a": 2.5, "l": [true, null, "é", 9007199254740993, 1e400, {}]}`)}
	if _, err := Load(context.Background(), o); err == nil || !strings.Contains(err.Error(), "config") {
		t.Errorf("a number out of range: got %v", err)
	}
	o.Config = []byte(`{"z": 1, "a": 2.5, "l": [true, null, "é", 9007199254740993, {}]}`)
	p := mustLoadOptions(t, o)
	got, err := p.Normalize(context.Background(), "")
	if want := `("a", 2.5),("l", [True, None, "é", 9007199254740993, {}]),("z", 1)`; got != want || err != nil {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
	for _, text := range []string{"change", "nested"} {
		if _, err := p.Normalize(context.Background(), text); !errors.Is(err, hostapi.ErrTrap) || !strings.Contains(err.Error(), "frozen") {
			t.Errorf("%s: got %v, want a trap that says frozen", text, err)
		}
	}
	for _, bad := range []string{`[]`, `{`, `{} {}`, `"x"`} {
		o.Config = []byte(bad)
		if _, err := Load(context.Background(), o); !errors.Is(err, hostapi.ErrLoad) {
			t.Errorf("config %s: got %v, want ErrLoad", bad, err)
		}
	}
}

func TestPlugin_CloseEndsIt(t *testing.T) {
	p := mustLoad(t, "def normalize(text): return text\n")
	for range 2 {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := p.Normalize(context.Background(), ""); !errors.Is(err, hostapi.ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
}
