package config

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/internal/base"
)

const root = "../.."

// write writes a configuration file into a new folder and returns its path.
func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), FileName)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func load1(t *testing.T, text string) *Config {
	t.Helper()
	c, err := Load(write(t, text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// equal says whether two configurations have the same values, wherever those came from.
func equal(a, b *Config) bool {
	return a.Cache == b.Cache && a.KV == b.KV && reflect.DeepEqual(a.Strategies, b.Strategies) && reflect.DeepEqual(a.Host, b.Host) && a.Upstream == b.Upstream &&
		reflect.DeepEqual(a.Server, b.Server) && reflect.DeepEqual(a.Tenants, b.Tenants) &&
		reflect.DeepEqual(a.Plugins, b.Plugins) && slices.Equal(a.PluginNames(), b.PluginNames())
}

func TestLoad_ShippedFileSaysTheDefaults(t *testing.T) {
	t.Chdir(root)
	c, err := Load(FileName)
	if err != nil {
		t.Fatal(err)
	}
	if !equal(c, Default()) {
		t.Errorf("cache.toml says %+v %+v\nwant %+v %+v", c.Cache, c.Host, Default().Cache, Default().Host)
	}
	for _, s := range c.Explain() {
		if s.Source == "default" {
			t.Errorf("cache.toml does not say %s", s.Key)
		}
	}
	if err := Check(FileName); err != nil {
		t.Error(err)
	}
}

// The list of adapters is empty by default, so cache.toml has one in a comment.
func TestLoad_ShippedFileShowsAnAdapter(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, FileName))
	if err != nil {
		t.Fatal(err)
	}
	_, example, found := strings.Cut(string(text), "# [[host.adapter]]\n")
	if !found {
		t.Fatal("cache.toml has no example of [[host.adapter]]")
	}
	example, _, _ = strings.Cut(example, "\n\n")
	example = strings.ReplaceAll("\n"+example+"\n", "\n# ", "\n")
	path := write(t, string(text)+"[[host.adapter]]"+example)
	c, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	want := []Adapter{{Path: filepath.Join(filepath.Dir(path), "adapter.gguf"), Scale: 1}}
	if !reflect.DeepEqual(c.Host.Adapters, want) {
		t.Errorf("got %+v, want %+v", c.Host.Adapters, want)
	}
	for _, s := range c.Explain() {
		if s.Source == "default" {
			t.Errorf("the example does not say %s", s.Key)
		}
	}
}

func TestLoad_EmptyFileIsTheDefault(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile(FileName, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(FileName)
	if err != nil || !equal(c, Default()) {
		t.Errorf("got %+v, %v", c, err)
	}
}

func TestDefault_IsValid(t *testing.T) {
	c := Default()
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	if c.Active() == nil || c.Active().Threshold != 0.9 {
		t.Errorf("active strategy: got %+v", c.Active())
	}
}

func TestLoad_TakesAllFormsOfTOML(t *testing.T) {
	want := Default()
	want.Cache.TTL, want.Cache.MaxEntries, want.Cache.Strategy = 36*time.Hour, 0x10, "looser"
	looser := defaultStrategy()
	looser.Threshold = 1
	want.Strategies["looser"] = looser
	for name, text := range map[string]string{
		"tables": "[cache]\nttl = \"1d12h\"\nmax_entries = 16\nstrategy = \"looser\"\n[strategy.looser]\nthreshold = 1\n",
		"dotted": "cache.ttl = '36h'\ncache.max_entries = 0x10\n\"cache\".'strategy' = \"\"\"\nlooser\"\"\"\nstrategy.looser.threshold = 1.0",
		"inline": "strategy={looser={threshold=1}} # }\r\ncache = { ttl = \"36h0m\", strategy = 'looser', max_entries = 0b1_0000 }",
		"mixed":  "\ufeff[strategy]\nlooser.threshold = 1e0\n[cache]\n\"t\\u0074l\" = \"36h\"\nmax_entries = 0o20\nstrategy = '''looser'''",
	} {
		t.Run(name, func(t *testing.T) {
			c := load1(t, text)
			c.Cache.File = want.Cache.File
			if !equal(c, want) {
				t.Errorf("got %+v %+v, want %+v", c.Cache, c.Strategies["looser"], want.Cache)
			}
		})
	}
}

func TestLoad_StrategyHasDefaults(t *testing.T) {
	c := load1(t, "[strategy.mine]\n")
	if s := c.Strategies["mine"]; s == nil || s.Threshold != 0.9 {
		t.Errorf("strategy mine: got %+v, want a threshold of 0.9", s)
	}
	if s := c.Strategies["default"]; s == nil {
		t.Error("the strategy named default is gone")
	}
}

func TestLoad_PathsAreSeenFromTheFolderOfTheFile(t *testing.T) {
	path := write(t, `
cache.file = "store"
[host]
model = "models/m.gguf"
program = "bin/kvasir-llama"
[[host.adapter]]
path = "/abs/a.gguf"
[[host.adapter]]
path = "../a.gguf"
`)
	folder := filepath.Dir(path)
	c, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, check := range []struct{ name, got, want string }{
		{"cache.file", c.Cache.File, folder + "/store"},
		{"host.model", c.Host.Model, folder + "/models/m.gguf"},
		{"host.program", c.Host.Program, folder + "/bin/kvasir-llama"},
		{"adapter 0", c.Host.Adapters[0].Path, "/abs/a.gguf"},
		{"adapter 1", c.Host.Adapters[1].Path, filepath.Dir(folder) + "/a.gguf"},
	} {
		if check.got != check.want {
			t.Errorf("%s: got %q, want %q", check.name, check.got, check.want)
		}
	}
}

func TestLoad_DefaultFileIsBesideTheConfiguration(t *testing.T) {
	path := write(t, `host.program = "kvasir-llama"`)
	c, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Dir(path) + "/snapshot/llama_cache.jsonl"; c.Cache.File != want {
		t.Errorf("got %q, want %q", c.Cache.File, want)
	}
	if c.Host.Program != "kvasir-llama" {
		t.Errorf("a name for the PATH became %q", c.Host.Program)
	}
}

func TestCache_Store(t *testing.T) {
	for file, want := range map[string][2]string{
		"./snapshot/llama_cache.jsonl": {"./snapshot/llama_cache.db", "./snapshot/llama_cache.jsonl"},
		"kvasir.db":                    {"kvasir.db", ""},
		"a.jsonl/store":                {"a.jsonl/store", ""},
	} {
		c := Cache{File: file}
		if folder, snapshot := c.Store(); folder != want[0] || snapshot != want[1] {
			t.Errorf("%q: got %q, %q, want %q", file, folder, snapshot, want)
		}
	}
}

func TestHost_LoadOptionsCarryEveryField(t *testing.T) {
	h := Host{
		Model: "m", Context: 1, Parallel: 2, Threads: 3, FlashAttention: true, KVType: "q8_0", Template: "t", Queue: 4,
		IgnoreMemory: true, RopeFrequencyBase: 5, RopeFrequencyScale: 6, Adapters: []Adapter{{"a", 7}},
	}
	want := base.LoadOptions{
		Model: "m", Context: 1, Parallel: 2, Threads: 3, FlashAttention: true, KVType: "q8_0", Template: "t", Queue: 4,
		IgnoreMemory: true, Rope: base.Rope{FrequencyBase: 5, FrequencyScale: 6},
		Adapters: []base.AdapterInfo{{Path: "a", Scale: 7}},
	}
	got := h.LoadOptions()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	for v, i := reflect.ValueOf(got), 0; i < v.NumField(); i++ {
		if v.Field(i).IsZero() {
			t.Errorf("no setting reaches LoadOptions.%s", v.Type().Field(i).Name)
		}
	}
}

func TestFind(t *testing.T) {
	t.Chdir(t.TempDir())
	if path, found, err := Find(""); path != "" || found || err != nil {
		t.Errorf("in an empty folder: got %q, %v, %v", path, found, err)
	}
	if _, _, err := Find("other.toml"); err == nil {
		t.Error("a named file that is not there: got no error")
	}
	if err := os.WriteFile(FileName, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if path, found, err := Find(""); path != FileName || !found || err != nil {
		t.Errorf("beside cache.toml: got %q, %v, %v", path, found, err)
	}
	if err := os.Rename(FileName, "other.toml"); err != nil {
		t.Fatal(err)
	}
	if path, found, err := Find("other.toml"); path != "other.toml" || !found || err != nil {
		t.Errorf("a named file: got %q, %v, %v", path, found, err)
	}
	if err := os.Symlink("nowhere", FileName); err != nil {
		t.Fatal(err)
	}
	if _, found, err := Find(""); found || err == nil {
		t.Errorf("a link to nowhere: got %v, %v", found, err)
	}
}

func TestLoad_FilesThatAreNone(t *testing.T) {
	dir := t.TempDir()
	big := write(t, strings.Repeat("# a comment\n", maxFile/8))
	for name, path := range map[string]string{"folder": dir, "missing": filepath.Join(dir, "none"), "too big": big} {
		if c, err := Load(path); err == nil || c != nil || !strings.HasPrefix(err.Error(), "configuration: ") {
			t.Errorf("%s: got %v, %v", name, c, err)
		}
		if Check(path) == nil {
			t.Errorf("%s: Check found nothing", name)
		}
	}
}
