package script

import (
	"context"
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"

	"github.com/kvasir-cache/kvasir/hostapi"
)

const guide = "../../docs/plugins/scripts.md"

// The guide's scripts load, and the lines below them are calls with what they give.
func TestGuide_ExamplesDoWhatItSays(t *testing.T) {
	var p hostapi.Plugin
	scripts, calls := 0, 0
	for _, block := range blocksOf(t, guide) {
		switch block.language {
		case "python":
			p = mustLoadOptions(t, Options{Source: block.text, Name: "guide"})
			scripts++
		case "text":
			lines := strings.Split(strings.TrimSpace(block.text), "\n")
			for i := 0; i+1 < len(lines); i += 2 {
				checkCall(t, p, lines[i], lines[i+1])
				calls++
			}
		}
	}
	if scripts < 4 || calls < 9 {
		t.Errorf("found %d scripts and %d calls", scripts, calls)
	}
}

func TestGuide_ExpressionsLoad(t *testing.T) {
	for _, block := range blocksOf(t, guide) {
		if block.language != "toml" {
			continue
		}
		var expressions map[hostapi.Role]string
		if err := toml.Unmarshal([]byte(block.text), &expressions); err != nil {
			t.Fatal(err)
		}
		p := mustLoadOptions(t, Inline(expressions))
		for role := range expressions {
			if err := callRole(p, role); err != nil {
				t.Errorf("%s: %v", role, err)
			}
		}
		return
	}
	t.Error("the guide shows no expressions")
}

// Everything that scripts can name beside Starlark itself is in the guide.
func TestGuide_NamesEveryFunction(t *testing.T) {
	text, err := os.ReadFile(guide)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"config", "manifest", "fail", "print"}
	for _, v := range verbs {
		names = append(names, v.name)
	}
	for name := range library(nil) {
		names = append(names, name)
	}
	for _, name := range names {
		if !strings.Contains(string(text), "`"+name) {
			t.Errorf("%s does not mention %s", guide, name)
		}
	}
}

type block struct{ language, text string }

func blocksOf(t *testing.T, path string) []block {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var blocks []block
	var open *block
	for line := range strings.Lines(string(text)) {
		fence, ok := strings.CutPrefix(line, "```")
		switch {
		case ok && open == nil:
			open = &block{language: strings.TrimSpace(fence)}
		case ok:
			blocks, open = append(blocks, *open), nil
		case open != nil:
			open.text += line
		}
	}
	return blocks
}

// checkCall checks a line "role arguments" and a line "=> result", both in JSON.
func checkCall(t *testing.T, p hostapi.Plugin, call, result string) {
	t.Helper()
	role, input, _ := strings.Cut(call, " ")
	expected, ok := strings.CutPrefix(result, "=> ")
	if !ok {
		t.Fatalf("%s: the next line is %q, want =>", call, result)
	}
	got, err := callJSON(p, hostapi.Role(role), []byte(input))
	if err != nil {
		t.Errorf("%s: %v", call, err)
		return
	}
	var have, want any
	if err := json.Unmarshal([]byte(expected), &want); err != nil {
		t.Fatalf("%s: %v", expected, err)
	}
	if err := json.Unmarshal([]byte(asJSON(got)), &have); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(have, want) {
		t.Errorf("%s:\n got %s\nwant %s", call, asJSON(got), expected)
	}
}

func callJSON(p hostapi.Plugin, role hostapi.Role, input []byte) (any, error) {
	ctx := context.Background()
	switch role {
	case hostapi.RoleNormalize:
		var text string
		if err := json.Unmarshal(input, &text); err != nil {
			return nil, err
		}
		return p.Normalize(ctx, text)
	case hostapi.RoleScore:
		var query string
		var candidates []string
		if err := json.Unmarshal(input, &[]any{&query, &candidates}); err != nil {
			return nil, err
		}
		return p.Score(ctx, query, candidates)
	}
	event := hostapi.Event{Hook: role}
	if err := json.Unmarshal(input, &event); err != nil {
		return nil, err
	}
	return p.Hook(ctx, &event)
}
