package config

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/hostapi"
)

// The list of plugins is empty by default, so cache.toml has one in a comment.
func TestLoad_ShippedFileShowsAPlugin(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, FileName))
	if err != nil {
		t.Fatal(err)
	}
	before, example, found := strings.Cut(string(text), "# [plugin.acme]\n")
	example, after, closed := strings.Cut(example, "\n\n")
	if !found || !closed {
		t.Fatal("cache.toml has no example of [plugin.NAME]")
	}
	path := write(t, before+"[plugin.acme]"+strings.ReplaceAll("\n"+example, "\n# ", "\n")+"\n"+after)
	c, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := Check(path); err != nil {
		t.Error(err)
	}
	want := defaultPlugin()
	want.Path = filepath.Join(filepath.Dir(path), "plugins/acme.wasm")
	want.Grants, want.Config = []string{"tokenize"}, json.RawMessage(`{"locale":"es"}`)
	if got := c.Plugins["acme"]; !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v: what the example does not need has to be the default", got, want)
	}
	for _, s := range c.Explain() {
		if s.Source == "default" {
			t.Errorf("the example does not say %s", s.Key)
		}
	}
}

func TestLoad_PluginHasDefaults(t *testing.T) {
	c := load1(t, "[plugin.acme]\nprogram = \"scorer\"\n")
	want := &Plugin{Program: "scorer", Memory: 64 << 20, Config: json.RawMessage("{}")}
	if got := c.Plugins["acme"]; !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
}

func TestLoad_PluginValues(t *testing.T) {
	path := write(t, `
[plugin.b-module]
path = "plugins/acme.wasm"
sha256 = "`+strings.Repeat("0Aa", 21)+`F"
memory = "1GiB"
deadline = "10s"
instances = 64
grants = ["random", "kv"]

[plugin.c-program]
program = "bin/scorer"
args = ["--model", "m.gguf", ""]

[plugin.a-script]
script = { on_hit = "accept(score > 0.95)" }
script.normalize = "text.lower()	# with a tab"

[plugin.d-file]
path = "/abs/hooks.star"
args = []
`)
	c, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	folder, config := filepath.Dir(path), json.RawMessage("{}")
	want := map[string]*Plugin{
		"b-module": {
			Path: folder + "/plugins/acme.wasm", SHA256: strings.Repeat("0aa", 21) + "f", Memory: 1 << 30,
			Deadline: 10 * time.Second, Instances: 64, Grants: []string{"random", "kv"}, Config: config,
		},
		"c-program": {Program: folder + "/bin/scorer", Args: []string{"--model", "m.gguf", ""}, Memory: 64 << 20, Config: config},
		"a-script": {
			Script: map[string]string{"on_hit": "accept(score > 0.95)", "normalize": "text.lower()\t# with a tab"},
			Memory: 64 << 20, Config: config,
		},
		"d-file": {Path: "/abs/hooks.star", Memory: 64 << 20, Config: config},
	}
	for name, p := range want {
		if got := c.Plugins[name]; !reflect.DeepEqual(got, p) {
			t.Errorf("%s: got %+v, want %+v", name, got, p)
		}
	}
	if got, want := c.PluginNames(), []string{"b-module", "c-program", "a-script", "d-file"}; !slices.Equal(got, want) {
		t.Errorf("names: got %q, want %q", got, want)
	}
}

// A name counts where it stands first, in whatever form.
func TestConfig_PluginNamesAreInTheOrderOfTheFile(t *testing.T) {
	for name, text := range map[string]string{
		"tables": "[plugin.z]\npath = \"a.wasm\"\n[plugin.a]\npath = \"a.wasm\"\n[plugin.m.config]\nx = 1",
		"dotted": "plugin.z.path = \"a.wasm\"\nplugin.a.path = \"a.wasm\"\nplugin.m.path = \"a.wasm\"\nplugin.z.memory = \"1MiB\"",
		"inline": "plugin = { z = { path = \"a.wasm\" }, a = {}, m = {} }",
		"parts":  "[plugin.z.config]\n[plugin.a]\n[plugin.z]\n[plugin]\nm.path = \"a.wasm\"",
	} {
		if got, want := load1(t, text).PluginNames(), []string{"z", "a", "m"}; !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if got := Default().PluginNames(); len(got) != 0 {
		t.Errorf("by default: got %q", got)
	}
}

func TestLoad_PluginConfigTakesAllFormsOfTOML(t *testing.T) {
	const want = `{"":"","limits":{"max":3,"min":0.0},"locale":"es","rules":[{"from":"a","to":["b","c"]},{"deep":{"x":true}}]}`
	for name, text := range map[string]string{
		"inline": `config = { rules = [{ to = ["b", 'c'], from = "a" }, { deep.x = true }], locale = "es", limits = { min = 0.0, max = 3 }, "" = "" }`,
		"dotted": `
config.locale = "es"
config.limits.max = 0x3
config."limits".min = 0e5
config.'' = """"""
config.rules = [
	{ from = "a", to = [ "b", "c", ] }, # a comment
	{ deep = { x = true } },
]`,
		"tables": `
[plugin.a.config]
locale = "\u0065s"
"" = ''
[[plugin.a.config.rules]]
from = "a"
to = ["b", "c"]
[[plugin.a.config.rules]]
[plugin.a.config.rules.deep]
x = true
[plugin.a.config.limits]
max = 3
min = 0.0`,
		"parts": `
[plugin.a.config.limits]
min = 0.0
max = 3
[plugin.a.config]
"" = ""
locale = "es"
rules = [{ from = "a", to = ["b", "c"] }, { deep = { x = true } }]`,
	} {
		t.Run(name, func(t *testing.T) {
			if got := string(load1(t, "[plugin.a]\n"+text).Plugins["a"].Config); got != want {
				t.Errorf("got\n%s, want\n%s", got, want)
			}
		})
	}
}

func TestLoad_PluginConfigScalars(t *testing.T) {
	for text, want := range map[string]string{
		"1":                              "1",
		"-9223372036854775808":           "-9223372036854775808",
		"0b11":                           "3",
		"1.0":                            "1.0",
		"-0.0":                           "-0.0",
		"1e20":                           "1e+20",
		"0.1":                            "0.1",
		"true":                           "true",
		`"<&>\u2028\"\\"`:                `"<&>\u2028\"\\"`,
		"1979-05-27T07:32:00Z":           `"1979-05-27T07:32:00Z"`,
		"1979-05-27 00:32:00.5-07:00":    `"1979-05-27T00:32:00.5-07:00"`,
		"1979-05-27T07:32:00":            `"1979-05-27T07:32:00"`,
		"1979-05-27T07:32:00.25":         `"1979-05-27T07:32:00.25"`,
		"1979-05-27":                     `"1979-05-27"`,
		"07:32:00.999":                   `"07:32:00.999"`,
		"[]":                             "[]",
		"{}":                             "{}",
		"[[], [{}], 1979-05-27, 'text']": `[[],[{}],"1979-05-27","text"]`,
	} {
		c := load1(t, "[plugin.a]\nconfig.x = "+text)
		if got := string(c.Plugins["a"].Config); got != `{"x":`+want+`}` || !json.Valid([]byte(got)) {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

func TestLoad_ScriptTakesEveryRole(t *testing.T) {
	var text strings.Builder
	text.WriteString("[plugin.a.script]\n")
	for _, role := range hostapi.Roles() {
		text.WriteString(string(role) + " = 'None'\n")
	}
	if got := load1(t, text.String()).Plugins["a"].Script; len(got) != len(hostapi.Roles()) {
		t.Errorf("got %v", got)
	}
}

func TestExplain_Plugins(t *testing.T) {
	c := load1(t, `[plugin.z]
path = "/z.wasm"
grants = [
	"kv", "now"]
[[plugin.z.config.rules]]
"a b" = 1
[plugin.z.config]
since = 1979-05-27
[plugin.a]
script.on_hit = 'reject("no") if score < 0.9 else None'
args = []
`)
	want := `plugin.z.path = "/z.wasm"  # file line 2
plugin.z.program = ""  # default
plugin.z.args = []  # default
plugin.z.sha256 = ""  # default
plugin.z.memory = "64MiB"  # default
plugin.z.deadline = "0"  # default
plugin.z.instances = 0  # default
plugin.z.grants = ["kv", "now"]  # file line 3
plugin.z.config = { rules = [{ "a b" = 1 }], since = "1979-05-27" }  # file line 5
plugin.a.path = ""  # default
plugin.a.program = ""  # default
plugin.a.args = []  # file line 11
plugin.a.script.on_hit = "reject(\"no\") if score < 0.9 else None"  # file line 10
plugin.a.sha256 = ""  # default
plugin.a.memory = "64MiB"  # default
plugin.a.deadline = "0"  # default
plugin.a.instances = 0  # default
plugin.a.grants = []  # default
plugin.a.config = {}  # default
`
	var got strings.Builder
	for _, s := range c.Explain() {
		if strings.HasPrefix(s.Key, "plugin.") {
			got.WriteString(s.Key + " = " + s.Text() + "  # " + s.Source + "\n")
		}
	}
	if got.String() != want {
		t.Errorf("got\n%s\nwant\n%s", got.String(), want)
	}
}

func TestSetting_JSONOfListsAndTables(t *testing.T) {
	c := load1(t, "[plugin.a]\nargs = ['x']\nconfig.b = 1\nconfig.a = [1.0]")
	for key, want := range map[string]string{
		"plugin.a.args": `["x"]`, "plugin.a.grants": "[]", "plugin.a.config": `{"a":[1.0],"b":1}`, "plugin.a.memory": `"64MiB"`,
	} {
		if got, err := json.Marshal(setting(t, c, key).Value); err != nil || string(got) != want {
			t.Errorf("%s: got %s, %v, want %s", key, got, err, want)
		}
	}
}

func TestDocs_NameEveryKeyOfPlugins(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs", "configuration.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(text), "### [plugin.NAME]\n")
	section, _, _ = strings.Cut(section, "\n### ")
	if !found {
		t.Fatal("there is no section on plugins")
	}
	c := Default()
	addPlugin(c, "NAME")
	for _, s := range c.Explain() {
		if name, ok := strings.CutPrefix(s.Key, "plugin.NAME."); ok && !strings.Contains(section, "| `"+name+"` | `"+s.Text()+"` |") {
			t.Errorf("no row has %s and its default %s", name, s.Text())
		}
	}
	for _, word := range append(childNames(scriptNode("script", defaultPlugin())), grantNames()...) {
		if !strings.Contains(section, "`"+word+"`") && !strings.Contains(section, "`\""+word+"\"`") {
			t.Errorf("the section does not name %s", word)
		}
	}
}
