package config

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestExplain_SaysWhereValuesComeFrom(t *testing.T) {
	c := load1(t, "[cache]\n# a comment\nttl = \"1d\"\n[strategy.mine]\n[host]\nadapter = [\n  { path = \"/a\" },\n]\ntemperature = 1")
	if err := c.Override("cache-max", "5"); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ key, value, source string }{
		{"cache.ttl", `"24h"`, "file line 3"},
		{"cache.max_entries", "5", "flag --cache-max"},
		{"cache.mode", `"approx"`, "default"},
		{"strategy.mine.threshold", "0.9", "default"},
		{"host.adapter[0].path", `"/a"`, "file line 7"},
		{"host.adapter[0].scale", "1.0", "default"},
		{"host.temperature", "1.0", "file line 9"},
		{"host.flash_attention", "false", "default"},
	} {
		s := setting(t, c, test.key)
		if s.Text() != test.value || s.Source != test.source {
			t.Errorf("%s: got %s from %q, want %s from %q", test.key, s.Text(), s.Source, test.value, test.source)
		}
	}
}

func TestSetting_JSON(t *testing.T) {
	s := setting(t, Default(), "cache.max_entries")
	s.Doc = "d"
	got, err := json.Marshal(s)
	if want := `{"key":"cache.max_entries","value":10000,"source":"default","doc":"d"}`; err != nil || string(got) != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
}

var index = regexp.MustCompile(`^host\.adapter\[(\d+)\]`)

// asFile writes what Explain says as a file. Every setting has a line of its own with the whole key
// in it, and lists of tables are written inline.
func asFile(settings []Setting) string {
	var text strings.Builder
	adapters := map[string][]string{}
	for _, s := range settings {
		if m := index.FindStringSubmatch(s.Key); m != nil {
			name := s.Key[strings.LastIndexByte(s.Key, '.')+1:]
			adapters[m[1]] = append(adapters[m[1]], name+" = "+s.Text())
			continue
		}
		fmt.Fprintf(&text, "%s = %s\n", s.Key, s.Text())
	}
	text.WriteString("host.adapter = [")
	for i := range len(adapters) {
		fmt.Fprintf(&text, "{%s},", strings.Join(adapters[fmt.Sprint(i)], ", "))
	}
	text.WriteString("]\n")
	return text.String()
}

func TestExplain_ReadsBack(t *testing.T) {
	path := write(t, `
[cache]
file = "/a \"quoted\" \\ path/√"
ttl = "8d1h"
[strategy.a-1]
threshold = 1e-9
[strategy.default]
threshold = 0
[plugin.z]
path = "/z.wasm"
memory = "65537B"
deadline = "1.5s"
grants = ["now", "kv"]
[[plugin.z.config.list]]
"a \"b\"" = [[], {}, 1e20, -0.0, 07:32:00, "\u0000\u2028</>"]
[[plugin.z.config.list]]
[plugin.a]
script = { on_hit = "a\"b\\ if '' else\tNone", normalize = "text" }
[plugin.m]
program = "/bin/m"
args = ["", "\n", "=#\u007f"]
[tenant.b]
key_sha256 = "0000000000000000000000000000000000000000000000000000000000000001"
[tenant.a]
key_sha256 = "0000000000000000000000000000000000000000000000000000000000000002"
max_body = "1KiB"
ttl = "1d"
[server]
listen = "[::1]:0"
hosts = ["kvasir.example", ""]
[host]
template = "{% for m in messages %}\n\t\u0007\u007f\r{{ m }}\n{% endfor %}"
temperature = 0.30000000000000004
adapter = [{path = "/x", scale = -1.5}, {path = "/y"}]
`)
	c, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	text := asFile(c.Explain())
	again := load1(t, text)
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	if !equal(again, c) {
		t.Errorf("%s\nreads as\n%+v %+v, want\n%+v %+v", text, again.Cache, again.Host, c.Cache, c.Host)
	}
}

func TestDocs_NameEveryKeyAndFlag(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs", "configuration.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows := strings.Split(string(text), "\n")
	row := func(parts ...string) bool {
		for _, line := range rows {
			all := strings.HasPrefix(line, "| ")
			for _, part := range parts {
				all = all && strings.Contains(line, "`"+part+"`")
			}
			if all {
				return true
			}
		}
		return false
	}
	for _, s := range Default().Explain() {
		table, name := s.Key[:strings.LastIndexByte(s.Key, '.')], s.Key[strings.LastIndexByte(s.Key, '.')+1:]
		if !strings.Contains(string(text), "["+strings.Replace(table, ".default", ".NAME", 1)+"]") || !row(name, s.Text()) {
			t.Errorf("no table has a row with %s and its default %s", s.Key, s.Text())
		}
	}
	shipped, err := os.ReadFile(filepath.Join(root, FileName))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range slices.Concat(CacheFlags(), hostFlags, serverFlags) {
		if !regexp.MustCompile("`--"+f.Name+"\\b").Match(text) || !strings.Contains(string(shipped), "--"+f.Name) {
			t.Errorf("the documentation or cache.toml does not name --%s", f.Name)
		}
	}
}

func TestDocs_ExamplesAreInOrder(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs", "configuration.md"))
	if err != nil {
		t.Fatal(err)
	}
	examples := strings.Split(string(text), "```toml\n")[1:]
	if len(examples) == 0 {
		t.Fatal("there is no example")
	}
	for _, example := range examples {
		example, _, _ = strings.Cut(example, "```")
		if err := Check(write(t, example)); err != nil {
			t.Errorf("%s\n%v", example, err)
		}
	}
}
