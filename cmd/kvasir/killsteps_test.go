//go:build linux && !llama && !race

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/snapshot"
)

// answerTo is what the model of these tests says to a prompt.
func answerTo(prompt string) string { return strings.Repeat("answer to "+prompt+"; ", 20) }

// answersOf starts a server that speaks OpenAI's API, and returns its URL.
func answersOf(t *testing.T) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var asked struct{ Messages []base.Message }
		if err := json.NewDecoder(r.Body).Decode(&asked); err != nil || len(asked.Messages) == 0 {
			http.Error(w, "no messages", http.StatusBadRequest)
			return
		}
		text, _ := json.Marshal(answerTo(asked.Messages[len(asked.Messages)-1].Content))
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprintf(w, "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":%s}}]}\n\n", text)
		fmt.Fprint(w, "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n")
		fmt.Fprint(w, "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":30,\"total_tokens\":37}}\n\ndata: [DONE]\n\n")
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// normalizers are those of a generation of the strategy; without the last one it is another.
var normalizers = []string{"unicode", "whitespace", "case"}

func (r *killRig) configure(normalize []string) {
	r.t.Helper()
	names, _ := json.Marshal(normalize)
	text := fmt.Sprintf("[host]\nkind = \"openai\"\n[upstream]\nurl = \"%s/v1\"\nmodel = \"far\"\nretries = 0\n[strategy.default]\nnormalize = %s\n", r.url, names)
	if err := os.WriteFile(filepath.Join(r.dir, "cache.toml"), []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// prompt returns one that was never used.
func (r *killRig) prompt(kind string) string {
	r.last++
	return fmt.Sprintf("%s %05d", kind, r.last)
}

// some returns up to n prompts that have an answer and begin like this.
func (r *killRig) some(n int, kind string) (prompts []string) {
	for _, prompt := range slices.Sorted(maps.Keys(r.known)) {
		if strings.HasPrefix(prompt, kind) {
			prompts = append(prompts, prompt)
		}
	}
	r.random.Shuffle(len(prompts), func(i, j int) { prompts[i], prompts[j] = prompts[j], prompts[i] })
	return prompts[:min(n, len(prompts))]
}

// killSteps are all that changes a store. The first ones make the entries that the others need.
var killSteps = []func(*killRig) killStep{
	(*killRig).imports, (*killRig).runs, (*killRig).chats, (*killRig).hits, (*killRig).pins, (*killRig).reindexes, (*killRig).exports,
	(*killRig).writesOut, (*killRig).removes, (*killRig).forgets, (*killRig).marks, (*killRig).imports, (*killRig).compacts,
}

func (r *killRig) runs() killStep {
	prompt := r.prompt("asked")
	return killStep{name: "run", args: []string{"run", "-p", prompt}, after: map[string]fate{prompt: {answer: answerTo(prompt)}}}
}

// hits changes nothing but uses and counts.
func (r *killRig) hits() killStep {
	prompts := r.some(1, "asked")
	if len(prompts) == 0 {
		return r.runs()
	}
	return killStep{name: "hit", args: []string{"run", "-p", prompts[0]}, after: map[string]fate{prompts[0]: r.known[prompts[0]]}}
}

func (r *killRig) chats() killStep {
	s := killStep{name: "chat", args: []string{"run", "-i"}, after: map[string]fate{}}
	for range 6 {
		prompt := r.prompt("said")
		s.stdin += prompt + "\n"
		s.after[prompt] = fate{answer: answerTo(prompt)}
	}
	return s
}

// imports some new entries, some that take the place of others, and some that soon expire.
func (r *killRig) imports() killStep {
	s := killStep{name: "import", args: []string{"import", "in.jsonl", "--merge", "replace"}, after: map[string]fate{}}
	for range 20 {
		s.after[r.prompt("read")] = fate{}
	}
	for _, prompt := range r.some(10, "read") {
		s.after[prompt] = r.known[prompt]
	}
	for prompt, was := range s.after {
		s.after[prompt] = fate{answer: fmt.Sprintf("%s for the %dth time", answerTo(prompt), r.last), pinned: was.pinned}
	}
	r.writeImport(s.after)
	return s
}

// reindexes imports an entry, which gives all of them the normal forms of a new generation.
func (r *killRig) reindexes() killStep {
	if r.random.IntN(2) == 0 {
		r.configure(normalizers)
	} else {
		r.configure(normalizers[:2])
	}
	prompt := r.prompt("read")
	s := killStep{name: "reindex", args: []string{"import", "in.jsonl"}, after: map[string]fate{prompt: {answer: answerTo(prompt)}}}
	s.ended = func() {
		if len(r.forms) != 1 || r.forms[""] > 0 {
			r.t.Errorf("after a re-index the entries have these generations: %v", r.forms)
		}
	}
	r.writeImport(s.after)
	return s
}

func (r *killRig) writeImport(entries map[string]fate) {
	r.t.Helper()
	_, err := snapshot.WriteFile(filepath.Join(r.dir, "in.jsonl"), func(w io.Writer) error {
		lines := snapshot.NewWriter(w)
		for _, prompt := range slices.Sorted(maps.Keys(entries)) {
			if err := lines.Write(recordFor(prompt, entries[prompt].answer, time.Time{})); err != nil {
				return err
			}
		}
		for range 3 {
			prompt := r.prompt("brief")
			if err := lines.Write(recordFor(prompt, answerTo(prompt), time.Now().Add(time.Second).UTC())); err != nil {
				return err
			}
		}
		return lines.End()
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

func recordFor(prompt, answer string, expires time.Time) *snapshot.Record {
	return &snapshot.Record{
		Model: strings.Repeat("ab", 32), Request: snapshot.Request{Messages: []base.Message{{Role: "user", Content: prompt}}},
		Answer: answer, FinishReason: base.FinishStop, Created: time.Now().UTC(), Expires: expires,
	}
}

// exports checks at any time that the file is a whole export, or not there.
func (r *killRig) exports() killStep {
	path := filepath.Join(r.dir, "out.jsonl")
	if _, err := os.Stat(path); err == nil {
		r.exported(path)
	}
	return killStep{name: "export", args: []string{"export", "out.jsonl"}, alone: true, ended: func() { r.holds(r.exported(path)) }}
}

func (r *killRig) writesOut() killStep {
	path := strings.TrimSuffix(r.store(), ".db") + ".jsonl"
	return killStep{name: "export own", args: []string{"export"}, alone: true, ended: func() { r.holds(r.exported(path)) }}
}

// exported reads an export to its last line.
func (r *killRig) exported(path string) map[string]string {
	r.t.Helper()
	file, err := os.Open(path)
	if err != nil {
		r.t.Fatal(err)
	}
	defer file.Close()
	lines, err := snapshot.NewReader(file)
	if err != nil {
		r.t.Fatal(err)
	}
	answers := map[string]string{}
	for {
		record, err := lines.Next()
		if err == io.EOF {
			return answers
		}
		if err != nil {
			r.t.Fatalf("%s: %v", path, err)
		}
		messages := record.Request.Messages
		answers[messages[len(messages)-1].Content] = record.Answer
	}
}

// holds checks that an export has every answer of the store.
func (r *killRig) holds(answers map[string]string) {
	r.t.Helper()
	for prompt, f := range r.known {
		if answers[prompt] != f.answer && !strings.HasPrefix(prompt, "brief") {
			r.t.Errorf("%q is exported with %q, want %q", prompt, answers[prompt], f.answer)
		}
	}
}

func (r *killRig) compacts() killStep {
	most := max(40, len(r.known)/2)
	return killStep{
		name: "compact", args: []string{"compact", "--cache-max", fmt.Sprint(most)}, alone: true, least: max(1, min(most-most/64, len(r.known))-r.briefs()),
		ended: func() {
			if len(r.known) > most {
				r.t.Errorf("%d entries after a compaction down to %d", len(r.known), most)
			}
		},
	}
}

func (r *killRig) briefs() int { return len(r.some(len(r.known), "brief")) }

func (r *killRig) removes() killStep {
	s := killStep{name: "rm", args: []string{"rm"}, after: map[string]fate{}}
	for _, prompt := range append(r.some(2, "read"), r.some(1, "said")...) {
		s.args, s.after[prompt] = append(s.args, r.ids[prompt].String()), fate{}
	}
	if len(s.after) == 0 {
		return r.runs()
	}
	return s
}

// forgets removes all whose number ends alike.
func (r *killRig) forgets() killStep {
	end := fmt.Sprintf("%d", r.random.IntN(10))
	s := killStep{name: "forget", args: []string{"rm", "--prompt", "0" + end}, after: map[string]fate{}}
	for prompt := range r.known {
		if strings.Contains(prompt, "0"+end) {
			s.after[prompt] = fate{}
		}
	}
	if len(s.after) > len(r.known)/3 {
		return r.removes()
	}
	return s
}

// marks says that an answer is wrong, which takes its entry out of service for good.
func (r *killRig) marks() killStep {
	prompts := r.some(1, "said")
	if len(prompts) == 0 {
		return r.chats()
	}
	return killStep{name: "bad", args: []string{"bad", r.ids[prompts[0]].String()}, after: map[string]fate{prompts[0]: {}}}
}

// pins pins what is not, and lets go what is, so that some always are.
func (r *killRig) pins() killStep {
	prompt := r.some(1, "read")
	if len(prompt) == 0 {
		return r.imports()
	}
	was := r.known[prompt[0]]
	verb := "pin"
	if was.pinned {
		verb = "unpin"
	}
	return killStep{name: "pin", args: []string{verb, r.ids[prompt[0]].String()}, after: map[string]fate{prompt[0]: {was.answer, !was.pinned}}}
}
