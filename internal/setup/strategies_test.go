package setup

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kvasir-cache/kvasir/engine"
	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/config"
)

// loaded are the plugins and strategies of a configuration.
type loaded struct {
	strategist
	loader *Loader
}

func loadStrategies(t *testing.T, text string) (*loaded, []*engine.Strategy, error) {
	t.Helper()
	t.Setenv("KVASIR_CACHE_DIR", t.TempDir())
	examples, err := filepath.Abs("../../examples/plugins")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), config.FileName)
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(text, "$EXAMPLES", examples)), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	l := &loaded{loader: NewLoader(slog.New(slog.DiscardHandler), NoModel)}
	l.strategist = strategist{c, l.loader.set(c), l.loader.builtin(c)}
	t.Cleanup(func() {
		for _, close := range []func() error{l.own.Close, l.builtin.Close, l.loader.Close} {
			if err := close(); err != nil {
				t.Error(err)
			}
		}
	})
	all, err := l.strategies(t.Context())
	return l, all, err
}

const ways = `
[strategy.default]
normalize = ["whitespace", "case"]
score = ["words"]
floor = 0.6
guard = "off"
threshold = 0.7

[strategy.scanning]
normalize = ["whitespace", "case"]
score = ["any-order"]
guard = "off"

[strategy.reranking]
normalize = ["whitespace", "case"]
score = ["trigrams", "words"]
guard = "off"
threshold = 0.8

[strategy.both]
normalize = ["whitespace", "case"]
score = ["containment", "jaccard"]

[plugin.words]
path = "$EXAMPLES/c/features/features.wasm"
[plugin.any-order]
path = "$EXAMPLES/script/scan.star"
[plugin.trigrams]
path = "$EXAMPLES/c/scorer/scorer.wasm"
`

func askAbout(prompt, strategy string) *engine.Query {
	return &engine.Query{Strategy: strategy, Request: &base.Request{Messages: []base.Message{{Role: base.RoleUser, Content: prompt}}}}
}

// Each class of scorer finds what is alike in its way: by the sets of a module, by reading all with a script,
// by the n-grams that a module asks for.
func TestStrategies_EachClassOfScorerFindsWhatIsAlikeToIt(t *testing.T) {
	_, all, err := loadStrategies(t, ways)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	open := func() *engine.Engine {
		e, err := engine.Open(engine.Options{
			Dir: dir, Strategy: "default", Strategies: func(context.Context) ([]*engine.Strategy, error) { return all, nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	e := open()
	const stored = "How do I put a red hat on the white cat"
	for i, prompt := range []string{stored, "Where does the river end", "Who wrote it"} {
		r := &engine.Result{Text: fmt.Sprint("answer ", i), FinishReason: base.FinishStop}
		receipt, err := e.Remember(t.Context(), askAbout(prompt, ""), r)
		if err == nil {
			err = receipt.Wait(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	check := func(when string) {
		for _, c := range []struct{ strategy, prompt, kind string }{
			{"default", "how do i put a red hat on the black cat", "approx"},  // most words
			{"default", "on the white cat how do I put a red hat", "approx"},  // all words
			{"default", "how do i put a redhat on the whitecat", ""},          // other words
			{"scanning", "the white cat on a red hat I do put how", "approx"}, // all words, whatever the order
			{"scanning", "how do i put a red hat on the black cat", ""},       // 0.82 of 0.9
			{"reranking", "how do i put a red hat on the black cat", ""},      // by trigrams 0.68
			{"reranking", "how do i put a red hat on thewhite cat", ""},       // by trigrams 0.87, by words 0.75
			{"reranking", "how do i put a red hat on a white cat", "approx"},  // by trigrams 0.82, by words 0.9
			{"exact", "HOW do i put a red hat on the white cat", ""},          // the same normal form
			{"scanning", "HOW do I put a red hat on the white cat", "normalized"},
		} {
			found, err := e.Lookup(t.Context(), askAbout(c.prompt, c.strategy))
			if err != nil || string(found.Kind) != c.kind || found.Strategy != c.strategy {
				w, _ := e.Why(t.Context(), askAbout(c.prompt, c.strategy))
				t.Errorf("%s, %s: %q: got %+v, %v, want kind %q; why: %+v", when, c.strategy, c.prompt, found, err, c.kind, w)
			}
			if c.kind != "" && found.Result.Text != "answer 0" {
				t.Errorf("%s: %q: got the answer %q", when, c.prompt, found.Result.Text)
			}
		}
	}
	check("at once")
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	e = open()
	defer e.Close()
	check("after opening it again") // the sets come from the store
	why, err := e.Why(t.Context(), askAbout("how do i put a red hat on a white cat", "reranking"))
	if err != nil || len(why.Nearest) == 0 || len(why.Nearest[0].Scores) != 2 || why.Nearest[0].Scores[1].Scorer != "words" {
		t.Errorf("why says %+v, %v; want both scores", why, err)
	}
	if err := e.Remove(t.Context(), why.Nearest[0].ID); err != nil {
		t.Fatal(err)
	}
	for _, strategy := range []string{"default", "scanning", "reranking"} {
		if found, err := e.Lookup(t.Context(), askAbout(stored, strategy)); err != nil || found.Action != base.ActionMiss {
			t.Errorf("%s: a removed entry serves: %+v, %v", strategy, found, err)
		}
	}
}

// What the index computes needs no module.
func TestStrategies_LoadNoScorerThatTheIndexReplaces(t *testing.T) {
	l, _, err := loadStrategies(t, "")
	if err != nil {
		t.Fatal(err)
	}
	if l.builtin.Plugin("jaccard") != nil {
		t.Error("jaccard is loaded, and the index computes its score")
	}
	l, all, err := loadStrategies(t, ways)
	if err != nil {
		t.Fatal(err)
	}
	if l.builtin.Plugin("jaccard") == nil || l.builtin.Plugin("containment") != nil {
		t.Error("want jaccard, which comes second, loaded, and containment not")
	}
	for _, s := range all {
		if s.Name == "both" && (len(s.Scorers) != 1 || strings.Join(s.Names, " ") != "containment jaccard") {
			t.Errorf("%+v", s)
		}
	}
}

// Normal forms are of one generation as long as no plugin that decides them changes.
func TestStrategies_GenerationsChangeWithWhatDecidesThem(t *testing.T) {
	l, all, err := loadStrategies(t, ways)
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string][16]byte{}
	for _, s := range all {
		byName[s.Name] = s.Generation()
	}
	for _, pair := range [][2]string{{"default", "scanning"}, {"scanning", "reranking"}, {"scanning", "both"}} {
		if byName[pair[0]] == byName[pair[1]] {
			t.Errorf("%s and %s have one generation, and other sets or signatures", pair[0], pair[1])
		}
	}
	if err := l.own.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		if s.Generation() != byName[s.Name] {
			t.Errorf("%s: loading the same plugins again made another generation", s.Name)
		}
	}
	l.config.Plugins["words"].Config = json.RawMessage(`{"x":1}`)
	if err := l.own.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		if changed := s.Generation() != byName[s.Name]; changed != (s.Name == "default") {
			t.Errorf("%s: changed %v after words was loaded with other settings", s.Name, changed)
		}
	}
}

func TestStrategies_SayWhatCannotScore(t *testing.T) {
	_, _, err := loadStrategies(t, "[strategy.default]\nscore = [\"jaccard\", \"lower\"]\n[plugin.lower]\npath = \"$EXAMPLES/c/normalizer/normalizer.wasm\"\n")
	if err == nil || err.Error() != `strategy "default": plugin "lower" cannot score: it has no function for score or features` {
		t.Errorf("got %v", err)
	}
	_, _, err = loadStrategies(t, "[strategy.default]\nguard = \"words\"\n[plugin.words]\npath = \"$EXAMPLES/c/features/features.wasm\"\n")
	if err == nil || err.Error() != `strategy "default": plugin "words" has no function for score` {
		t.Errorf("got %v", err)
	}
}
