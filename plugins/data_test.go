package plugins_test

import (
	"os"
	"strings"
	"testing"
)

// lists reads a file of words: the entries of each list, by its name.
func lists(t *testing.T, path string) map[string][]string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	all, name := map[string][]string{}, ""
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '[':
			name = strings.Trim(line, "[]")
			all[name] = []string{}
		default:
			for entry := range strings.SplitSeq(line, ",") {
				all[name] = append(all[name], strings.TrimSpace(entry))
			}
		}
	}
	return all
}

func set(entries ...[]string) map[string]bool {
	all := map[string]bool{}
	for _, list := range entries {
		for _, e := range list {
			all[e] = true
		}
	}
	return all
}

const (
	formFile    = "normalize/text/form.txt"
	caseFile    = "normalize/case/words.txt"
	phrasesFile = "normalize/politeness/phrases.txt"
)

// The C sources name the lists by their number.
func TestData_ListsAreInOrder(t *testing.T) {
	for file, want := range map[string][]string{
		formFile: {"form", "first", "second"},
		caseFile: {"english", "capitals_count", "title_differs", "opens_question", "subject", "capitals_say_the_same",
			"capitals_differ", "short", "after_i", "before_i", "before_a", "labels"},
		phrasesFile: {"greeting", "opener", "please", "can_you", "request", "ask", "closing", "question", "auxiliary", "verb",
			"tells", "makes", "person", "object", "product", "mention", "dangling"},
	} {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for line := range strings.Lines(string(data)) {
			if strings.HasPrefix(line, "[") {
				got = append(got, strings.Trim(line, "[]\n"))
			}
		}
		if strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("%s: got lists %v, want %v", file, got, want)
		}
	}
}

// What is dropped from a text must not decide what happens to the rest of it.
func TestData_PhrasesDecideNothingElse(t *testing.T) {
	p, form := lists(t, phrasesFile), lists(t, formFile)
	about, first := set(form["form"], form["second"], p["mention"]), set(form["first"])
	for _, list := range []string{"greeting", "opener", "please", "can_you", "request", "ask", "closing"} {
		for _, phrase := range p[list] {
			words := strings.Fields(phrase)
			if phrase != strings.ToLower(phrase) || len(words) > 8 {
				t.Errorf("[%s] %q: want at most 8 words in small letters", list, phrase)
			}
			for i, w := range words {
				if about[w] || i == len(words)-1 && first[w] {
					t.Errorf("[%s] %q: %q is also in [mention] or in %s", list, phrase, w, formFile)
				}
			}
		}
	}
}

// A request that begins a text once its greeting is dropped is folded there as before.
func TestData_NoRequestBeginsWithAName(t *testing.T) {
	names := lists(t, caseFile)["title_differs"]
	p := lists(t, phrasesFile)
	begins := set(p["question"], p["auxiliary"], p["verb"])
	for _, name := range names {
		if begins[strings.ToLower(name)] {
			t.Errorf("%q begins a request in %s", name, phrasesFile)
		}
	}
}
