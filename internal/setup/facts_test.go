package setup

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/kvasir-cache/kvasir/engine"
	"github.com/kvasir-cache/kvasir/internal/atlas"
	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/config"
)

// A variant is another way to ask the same question, and the share of the facts that has to be served however asked.
type variant struct {
	name  string
	least float64
	ask   func(prompt string) string
}

var variants = []variant{
	{"as stored", 1, func(p string) string { return p }},
	{"small letters", 0.98, strings.ToLower},
	{"capitals", 0.98, strings.ToUpper},
	{"small first letter", 1, func(p string) string { return strings.ToLower(p[:1]) + p[1:] }},
	{"title", 0.98, titled},
	{"a greeting", 0.98, func(p string) string { return "Hi, " + strings.ToLower(p[:1]) + p[1:] }},
	{"please", 0.98, func(p string) string { return strings.TrimSuffix(p, "?") + ", please?" }},
	{"thanks", 0.98, func(p string) string { return p + " Thank you!" }},
	{"could you tell me", 0.9, func(p string) string { return "Could you tell me " + strings.ToLower(p[:1]) + p[1:] }},
	{"more blanks", 1, func(p string) string { return "  " + strings.ReplaceAll(p, " ", "  ") + "\n" }},
	{"no question mark", 1, func(p string) string { return strings.TrimSuffix(p, "?") }},
	{"many question marks", 1, func(p string) string { return p + "??" }},
	{"a letter doubled", 0.9, func(p string) string { return misspelt(p, doubled) }},
	{"two letters in turn", 0.7, func(p string) string { return misspelt(p, swapped) }},
	{"a letter left out", 0.7, func(p string) string { return misspelt(p, shortened) }},
	{"small, misspelt, polite", 0.6, func(p string) string { return "please, " + strings.ToLower(misspelt(p, swapped)) }},
}

func titled(p string) string {
	words := strings.Fields(p)
	for i, w := range words {
		words[i] = strings.ToUpper(w[:1]) + w[1:]
	}
	return strings.Join(words, " ")
}

func doubled(w string, i int) string   { return w[:i] + w[i:i+1] + w[i:] }
func swapped(w string, i int) string   { return w[:i-1] + w[i:i+1] + w[i-1:i] + w[i+1:] }
func shortened(w string, i int) string { return w[:i] + w[i+1:] }

// misspelt changes the longest word of p in its middle. A change that shows nothing moves on by a letter.
func misspelt(p string, slip func(w string, i int) string) string {
	words := strings.Fields(strings.TrimSuffix(p, "?"))
	longest := 0
	for i, w := range words {
		if len(w) > len(words[longest]) {
			longest = i
		}
	}
	w := words[longest]
	for i := len(w) / 2; i > 1; i-- {
		if changed := slip(w, i); changed != w {
			words[longest] = changed
			break
		}
	}
	return strings.Join(words, " ") + "?"
}

// openFacts opens a cache in memory as kvasir opens it without a configuration, and stores all facts of atlas.
func openFacts(t *testing.T) *Store {
	t.Helper()
	c := config.Default()
	c.Cache.Persist = false
	e, err := OpenStore(t.Context(), c, StoreOptions{Logger: slog.New(slog.DiscardHandler), Tokenize: NoModel})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, fact := range atlas.Facts() {
		store(t, e, fact)
	}
	return e
}

func store(t *testing.T, e *Store, fact atlas.Fact) {
	t.Helper()
	receipt, err := e.Remember(t.Context(), asked(fact.Prompt), &engine.Result{Text: fact.Answer, FinishReason: base.FinishStop})
	if err == nil {
		err = receipt.Wait(t.Context())
	}
	if err != nil {
		t.Fatalf("%q: %v", fact.Prompt, err)
	}
}

func asked(prompt string) *engine.Query {
	return &engine.Query{Request: &engine.Request{Messages: []base.Message{{Role: base.RoleUser, Content: prompt}}}}
}

// TestFacts_AreServedHoweverTheyAreAsked asks for every fact of the shipped model in light variants, with the strategy
// and the plugins that kvasir has by default. What is served has to be the answer of that fact and of no other.
func TestFacts_AreServedHoweverTheyAreAsked(t *testing.T) {
	if testing.Short() {
		t.Skip("it looks up more than ten thousand prompts")
	}
	e := openFacts(t)
	facts := atlas.Facts()
	for _, v := range variants {
		served := 0
		var missed []string
		for _, fact := range facts {
			prompt := v.ask(fact.Prompt)
			found, err := e.Lookup(t.Context(), asked(prompt))
			switch {
			case err != nil:
				t.Fatalf("%q: %v", prompt, err)
			case found.Action != base.ActionAnswer:
				missed = append(missed, prompt+" ("+found.Reason+")")
			case found.Result.Text != fact.Answer:
				t.Errorf("%s: %q is answered %q, and the answer is %q", v.name, prompt, found.Result.Text, fact.Answer)
			default:
				served++
			}
		}
		t.Logf("%s: %d of %d served", v.name, served, len(facts))
		if float64(served) < v.least*float64(len(facts)) {
			t.Errorf("%s: %d of %d served, want a share of %v\n%s", v.name, served, len(facts), v.least,
				strings.Join(missed[:min(len(missed), 5)], "\n"))
		}
	}
}
