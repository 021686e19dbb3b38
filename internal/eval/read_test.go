package eval

import (
	"reflect"
	"strings"
	"testing"
)

const head = "text_a\ttext_b\tlabel\tsource\n"

func TestReadPairs(t *testing.T) {
	pairs, err := ReadPairs(strings.NewReader("\ufeff" + head + "a\\n\\tb\tc\\\\n\\r\t1\tvariant:case@own@x\r\nä\tö\t0\t"))
	want := []Pair{{2, "a\n\tb", "c\\n\r", true, "variant:case"}, {3, "ä", "ö", false, ""}}
	if err != nil || !reflect.DeepEqual(pairs, want) {
		t.Errorf("got %+v, %v; want %+v", pairs, err, want)
	}
	if pairs, err := ReadPairs(strings.NewReader("text_a\ttext_b\tlabel\na\tb\t0\n")); err != nil || len(pairs) != 1 {
		t.Errorf("without a source: got %+v, %v", pairs, err)
	}
}

func TestReadPairs_MistakesNameTheLine(t *testing.T) {
	for text, want := range map[string]string{
		"":                       "there are no pairs",
		head:                     "there are no pairs",
		"a\tb\t1\n":              `line 1: the header is "a\tb\t1"`,
		head + "a\tb\t1\n":       "line 2: there are 3 columns, want 4",
		head + "a\tb\t1\tx\ty\n": "line 2: there are 5 columns, want 4",
		head + "a\tb\t1\tx\n\n":  "line 3: the line is empty",
		head + "a\tb\tyes\tx\n":  `line 2: the label is "yes", want 1 (the same answer serves) or 0`,
		head + "\tb\t1\tx\n":     "line 2: text_a: it is empty",
		head + "a\tb\\x\t1\tx\n": `line 2: text_b: \ is followed by 'x'`,
		head + "a\tb\\\t1\tx\n":  "line 2: text_b: a backslash ends it",
		head + "a\xff\tb\t1\tx":  "line 2: the line is not valid UTF-8",
		head + strings.Repeat("a", maxLine+1) + "\tb\t1\tx\n": "line 2: the line has more than",
	} {
		if _, err := ReadPairs(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: got %v, want %s", text, err, want)
		}
	}
}

func TestReadStream(t *testing.T) {
	stream, err := ReadStream(strings.NewReader(`{"i":0,"prompt":"a\n","group":1,"kind":"new"}
{"prompt":"b","group":"1"}
{"prompt":"c","group":null,"t_ms":3}`))
	want := []Asked{{1, "a\n", "1", "new"}, {2, "b", `"1"`, ""}, {3, "c", "", ""}}
	if err != nil || !reflect.DeepEqual(stream, want) {
		t.Errorf("got %+v, %v; want %+v", stream, err, want)
	}
}

func TestReadStream_MistakesNameTheLine(t *testing.T) {
	const good = `{"prompt":"a","group":1}` + "\n"
	for text, want := range map[string]string{
		"":                                    "there are no requests",
		good + "{":                            "line 2: it is no JSON object",
		good + "[]":                           "line 2: it is no JSON object",
		good + `{"prompt":"a","group":1}{}`:   "line 2: it is no JSON object",
		good + `{"group":1}`:                  "line 2: prompt is missing or empty",
		good + `{"prompt":7,"group":1}`:       "line 2: prompt is \"7\", want a text",
		good + `{"prompt":"a"}`:               "line 2: group is missing; write null",
		good + `{"prompt":"a","group":1.5}`:   `line 2: group is "1.5", want a whole number`,
		good + `{"prompt":"a","group":{}}`:    `line 2: group is "{}", want`,
		good + "\n" + good:                    "line 2: the line is empty",
		good + "{\"prompt\":\"\xff\"}":        "line 2: the line is not valid UTF-8",
		good + `{"Prompt":"a","group":1}`:     "line 2: prompt is missing or empty",
		good + strings.Repeat(" ", maxLine+1): "line 2: the line has more than",
	} {
		if _, err := ReadStream(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: got %v, want %s", text, err, want)
		}
	}
}

// What was read is what writing it again gives.
func FuzzReadPairs(f *testing.F) {
	f.Add(read(f, "testdata/pairs.tsv"))
	f.Add([]byte(head + "a\\\\\\n\tb\t0\tx@y"))
	f.Add([]byte("text_a\ttext_b\tlabel\r\na\tb\\\t1\r\n"))
	escape := strings.NewReplacer("\\", `\\`, "\n", `\n`, "\r", `\r`, "\t", `\t`)
	f.Fuzz(func(t *testing.T, file []byte) {
		pairs, err := ReadPairs(strings.NewReader(string(file)))
		if err != nil {
			return
		}
		text := head
		for _, p := range pairs {
			label := map[bool]string{false: "0", true: "1"}[p.Same]
			text += escape.Replace(p.Stored) + "\t" + escape.Replace(p.Asked) + "\t" + label + "\t" + p.Kind + "\n"
		}
		again, err := ReadPairs(strings.NewReader(text))
		if err != nil || len(again) != len(pairs) {
			t.Fatalf("got %d pairs and %v, want %d", len(again), err, len(pairs))
		}
		for i := range pairs {
			if again[i].Line = pairs[i].Line; !reflect.DeepEqual(again[i], pairs[i]) {
				t.Errorf("got %+v, want %+v", again[i], pairs[i])
			}
		}
	})
}

func FuzzReadStream(f *testing.F) {
	f.Add(read(f, "testdata/stream.jsonl"))
	f.Add([]byte(`{"prompt":"a","group":"\ud800"}`))
	f.Add([]byte(`{"prompt":"a","group":-1,"kind":null}`))
	f.Fuzz(func(t *testing.T, file []byte) {
		stream, err := ReadStream(strings.NewReader(string(file)))
		if err != nil {
			return
		}
		for i, a := range stream {
			if a.Prompt == "" || a.Line < 1 || i > 0 && a.Line <= stream[i-1].Line {
				t.Errorf("request %d is %+v", i, a)
			}
		}
	})
}
