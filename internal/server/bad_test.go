package server

import (
	"testing"

	"github.com/kvasir-cache/kvasir/internal/hosttest"
)

func TestAdmin_AWrongAnswerIsAskedAgain(t *testing.T) {
	f := start(t, hosttest.Options{})
	f.ask(t, chatBody("first question"))
	if r := f.look(t, "GET", "/bad", ""); r.status != 200 || r.body != `{"marks":[]}`+"\n" {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := f.look(t, "POST", "/bad", `{"entry":"1"}`); r.status != 200 || at(t, r.body, "retired") != true || at(t, r.body, "prompt") != "first question" {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := f.look(t, "GET", "/bad", ""); at(t, r.body, "marks", 0, "entry") != "1" {
		t.Errorf("%s", r.body)
	}
	if r := f.look(t, "POST", "/bad", `{"entry":"1","undo":true}`); r.status != 200 || at(t, r.body, "undone", 0, "entry") != "1" {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r, _ := f.ask(t, chatBody("first question")); r.header.Get(headerAction) != "answer" {
		t.Errorf("it is not back: %v", r.header)
	}
	f.look(t, "POST", "/bad", `{"entry":"1","prompt":"first question"}`)
	if r, _ := f.ask(t, chatBody("first question")); r.header.Get(headerAction) != "miss" {
		t.Errorf("a wrong answer serves: %v", r.header)
	}
	for body, status := range map[string]int{`{}`: 400, `{"entry":"zz"}`: 400, `{"entry":"99"}`: 404, `{"x":1}`: 400, `[`: 400} {
		if r := f.look(t, "POST", "/bad", body); r.status != status {
			t.Errorf("%s: %d %s, want %d", body, r.status, r.body, status)
		}
	}
}
