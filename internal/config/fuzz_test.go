package config

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/BurntSushi/toml"
)

// mirror has the shape of the file and takes any value, so that decoding into it leaves those keys
// undecoded that have no place.
type mirror struct {
	Cache struct {
		Persist       any `toml:"persist"`
		File          any `toml:"file"`
		Mode          any `toml:"mode"`
		Sampled       any `toml:"sampled"`
		MaxEntries    any `toml:"max_entries"`
		MaxBytes      any `toml:"max_bytes"`
		TopicKeep     any `toml:"topic_keep"`
		Admit         any `toml:"admit"`
		Stale         any `toml:"stale"`
		TTL           any `toml:"ttl"`
		FlushInterval any `toml:"flush_interval"`
		KeyFile       any `toml:"key_file"`
		KeyEnv        any `toml:"key_env"`
		Strategy      any `toml:"strategy"`
	} `toml:"cache"`
	Strategy map[string]struct {
		Normalize, Score, Floor, Guard, Threshold, Candidates any
	} `toml:"strategy"`
	Plugin map[string]struct {
		Path    any `toml:"path"`
		Program any `toml:"program"`
		Args    any `toml:"args"`
		Script  struct {
			Normalize any `toml:"normalize"`
			Features  any `toml:"features"`
			Score     any `toml:"score"`
			OnLookup  any `toml:"on_lookup"`
			OnHit     any `toml:"on_hit"`
			OnMiss    any `toml:"on_miss"`
			OnStore   any `toml:"on_store"`
			OnEvict   any `toml:"on_evict"`
		} `toml:"script"`
		SHA256    any `toml:"sha256"`
		Memory    any `toml:"memory"`
		Deadline  any `toml:"deadline"`
		Instances any `toml:"instances"`
		Grants    any `toml:"grants"`
		Config    any `toml:"config"`
	} `toml:"plugin"`
	KV struct {
		Enabled    any `toml:"enabled"`
		Dir        any `toml:"dir"`
		MaxBytes   any `toml:"max_bytes"`
		MinPrefill any `toml:"min_prefill"`
		Answers    any `toml:"answers"`
		Identity   any `toml:"identity"`
	} `toml:"kv"`
	Upstream struct {
		URL     any `toml:"url"`
		Model   any `toml:"model"`
		KeyEnv  any `toml:"key_env"`
		Retries any `toml:"retries"`
		Timeout any `toml:"timeout"`
	} `toml:"upstream"`
	Host struct {
		Kind               any `toml:"kind"`
		Program            any `toml:"program"`
		Model              any `toml:"model"`
		Context            any `toml:"context"`
		Parallel           any `toml:"parallel"`
		Threads            any `toml:"threads"`
		FlashAttention     any `toml:"flash_attention"`
		KVType             any `toml:"kv_type"`
		Template           any `toml:"template"`
		Queue              any `toml:"queue"`
		Temperature        any `toml:"temperature"`
		IgnoreMemory       any `toml:"ignore_memory"`
		RopeFrequencyBase  any `toml:"rope_frequency_base"`
		RopeFrequencyScale any `toml:"rope_frequency_scale"`
		Adapter            []struct {
			Path  any `toml:"path"`
			Scale any `toml:"scale"`
		} `toml:"adapter"`
	} `toml:"host"`
	Server struct {
		Listen     any `toml:"listen"`
		Admin      any `toml:"admin"`
		TokenFile  any `toml:"token_file"`
		Name       any `toml:"name"`
		Hosts      any `toml:"hosts"`
		OTLP       any `toml:"otlp"`
		Origins    any `toml:"origins"`
		Control    any `toml:"control"`
		MaxBody    any `toml:"max_body"`
		Concurrent any `toml:"concurrent"`
		Timeout    any `toml:"timeout"`
		Drain      any `toml:"drain"`
		Log        any `toml:"log"`
	} `toml:"server"`
	Tenant map[string]struct {
		KeySHA256         any `toml:"key_sha256"`
		OldKeySHA256      any `toml:"old_key_sha256"`
		Control           any `toml:"control"`
		RequestsPerMinute any `toml:"requests_per_minute"`
		Concurrent        any `toml:"concurrent"`
		MaxTokens         any `toml:"max_tokens"`
		MaxBody           any `toml:"max_body"`
		TTL               any `toml:"ttl"`
		Share             any `toml:"share"`
	} `toml:"tenant"`
}

func addFiles(f *testing.F) {
	files, err := filepath.Glob("testdata/*.toml")
	if err != nil || len(files) == 0 {
		f.Fatalf("found %d files: %v", len(files), err)
	}
	for _, file := range append(files, filepath.Join(root, FileName)) {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
}

// Any text gives a configuration or problems. A problem stands at a place of the text, and no key
// without a meaning goes by unnoticed.
func FuzzParse(f *testing.F) {
	addFiles(f)
	for _, text := range []string{
		"cache={mode='exact',}", "a=[[{b=1}],[{c={d=2}}]]", "x='''a'''''\ny=\"\"\"\\\"\"\"\"\"\"", "a.b.c=1\n[a.b.d]\n[[e.f]]\n[e.f.g]",
		"[host]\nadapter=[{path='a'},#]\n{path='b'}]", "d=1979-05-27 07:32:00 # c\ne=[1979-05-27T07:32Z ,2]", "\"\\u0061\".'b'=1", "a=[\n]\nb={}\nc='#'",
		"cache={a.b=1,a.c=2}", "[[strategy]]", "[strategy.x.y]\nz=1", "[host.adapter.path]",
		"[plugin.a]\npath='a.wasm'\ngrants=['kv',]\nmemory='1MiB'\nconfig.x=[1.0,{y=1979-05-27}]\n[[plugin.a.config.l]]\n\"\"=07:32:00\n[plugin.a.config.l.m]",
		"plugin={b={program='b',args=['',\"\\u001b\"],config={a.b=1e20,a.c=-0.0}},a={script={on_hit='None'}}}",
		"[server]\nlisten=':8080'\nhosts=['a',]\n[tenant.a]\nkey_sha256='" + strings.Repeat("0a", 32) + "'\n[tenant]\nb.ttl='1h'",
		"[plugin.a.config.b]\nc=1\n[plugin.a.config]\nb.d=2\n[plugin.a]\nprogram='x'", "[plugin.a]\nprogram='x'\nconfig={x=[{b=1,b=2}],y={z=[]}}",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, problems := parse("f.toml", text)
		if c != nil {
			problems = append(problems, c.problems()...)
		}
		for i := range problems {
			checkProblem(t, &problems[i], text)
		}
		if c == nil {
			return
		}
		checkUndecoded(t, problems, c.source.text)
		checkOrigins(t, c)
		if len(problems) == 0 {
			checkConfigs(t, c)
			checkReadsBack(t, c)
		}
	})
}

// checkProblem checks that a problem can be printed and stands where it says.
func checkProblem(t *testing.T, p *Problem, text string) {
	if strings.Contains(p.Message, "too unusual") || strings.Contains(p.Message, "gave up") {
		t.Fatalf("the text was not followed: %s", p.Message)
	}
	if bad := strings.IndexFunc(p.Error(), func(r rune) bool { return r != '\n' && r != '\t' && !unicode.IsPrint(r) }); bad >= 0 {
		t.Fatalf("problem has unprintable text: %q", p.Error())
	}
	if p.Line == 0 {
		return
	}
	lines := strings.Split(strings.TrimLeft(text, "\ufeff"), "\n")
	if p.Line > len(lines) || p.Column < 1 || p.Column > utf8.RuneCountInString(lines[p.Line-1])+1 {
		t.Fatalf("%d:%d is no place of the text", p.Line, p.Column)
	}
	if strings.HasPrefix(p.Message, "unknown key ") {
		checkPlace(t, p, lines[p.Line-1])
	}
}

// checkPlace checks that the last part of an unknown key stands where the problem says.
func checkPlace(t *testing.T, p *Problem, line string) {
	rest := string([]rune(line)[p.Column-1:])
	s := scanner{text: rest}
	part, ok := s.part()
	if !ok || !strings.Contains(p.Message, quoteShort(part.name)) {
		t.Fatalf("%s: there is %q at the place", p.Message, rest)
	}
}

// checkUndecoded checks that every key the decoder has no place for is part of a problem.
func checkUndecoded(t *testing.T, problems Problems, text string) {
	var m mirror
	meta, err := toml.Decode(text, &m)
	if err != nil || len(problems) >= maxProblems {
		return // a table is no table, or there are too many problems to find this one
	}
	for _, key := range meta.Undecoded() {
		if isConfig := len(key) > 3 && key[0] == "plugin" && key[2] == "config"; isConfig {
			continue // the plugin knows its keys
		}
		if !covered(problems, dotted(key...)) {
			t.Fatalf("nobody noticed %s", key)
		}
	}
}

// covered says whether a problem is about a key or something above it.
func covered(problems Problems, key string) bool {
	for _, p := range problems {
		about := index.ReplaceAllString(p.Key, "host.adapter")
		if about != "" && (about == key || strings.HasPrefix(key, about+".")) {
			return true
		}
	}
	return false
}

// checkOrigins checks that what is said to come from a line stands there.
func checkOrigins(t *testing.T, c *Config) {
	lines := strings.Split(c.source.text, "\n")
	for _, s := range c.Explain() {
		number, ok := strings.CutPrefix(s.Source, "file line ")
		if !ok {
			continue
		}
		n, err := strconv.Atoi(number)
		name := s.Key[strings.LastIndexByte(s.Key, '.')+1:]
		if err != nil || n > len(lines) || !strings.Contains(lines[n-1], name) && !strings.ContainsAny(lines[n-1], `\`) {
			t.Fatalf("%s is said to come from %s", s.Key, s.Source)
		}
	}
}

// checkReadsBack checks that all of a configuration can be written out and read again.
func checkReadsBack(t *testing.T, c *Config) {
	text := asFile(c.Explain())
	again, problems := parse("f.toml", text)
	if err := problems.err(); err != nil || !equal(c, again) {
		t.Fatalf("%s\nis read as %+v: %v", text, again, err)
	}
}

// checkConfigs checks that the config of every plugin is the one the decoder finds.
func checkConfigs(t *testing.T, c *Config) {
	var file struct {
		Plugin map[string]struct {
			Config map[string]any `toml:"config"`
		} `toml:"plugin"`
	}
	if _, err := toml.Decode(c.source.text, &file); err != nil {
		t.Fatal(err)
	}
	for name, p := range c.Plugins {
		want := "{}"
		if config := file.Plugin[name].Config; config != nil {
			want = objectText(encode(t, config))
		}
		if got := objectText(p.Config); got != want {
			t.Fatalf("config of plugin %s: got %s, want %s", name, got, want)
		}
	}
}

func encode(t *testing.T, table map[string]any) []byte {
	object, err := json.Marshal(plainScalars(table))
	if err != nil {
		t.Fatal(err)
	}
	return object
}

// plainScalars replaces the scalars of a decoded value by what JSON has.
func plainScalars(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, child := range v {
			v[name] = plainScalars(child)
		}
		return v
	case []map[string]any:
		list := []any{}
		for _, table := range v {
			list = append(list, plainScalars(table))
		}
		return list
	case []any:
		for i, element := range v {
			v[i] = plainScalars(element)
		}
		return v
	}
	return jsonScalar(v)
}

// Any value of any flag is taken or refused by name, and what is taken can be written out.
func FuzzOverride(f *testing.F) {
	for _, flag := range slices.Concat(CacheFlags(), hostFlags, serverFlags) {
		for _, value := range []string{flag.Default, "", "on", "-1", "0.5", "a=1", "a\x00", "NaN", "1e300", "~/x"} {
			f.Add(flag.Name, value)
		}
	}
	f.Fuzz(func(t *testing.T, name, value string) {
		c := Default()
		err := c.Override(name, value)
		if err != nil && !strings.Contains(err.Error(), "--"+name) {
			t.Fatalf("--%s=%q: the error does not name the flag: %v", name, value, err)
		}
		if err != nil && !equal(c, Default()) {
			t.Fatalf("--%s=%q was refused and changed something", name, value)
		}
		if err != nil || !utf8.ValidString(value) {
			return
		}
		again, problems := parse("f.toml", asFile(c.Explain()))
		if err := problems.err(); err != nil || !equal(c, again) {
			t.Fatalf("--%s=%q gives %+v, which is read as %+v: %v", name, value, c, again, err)
		}
	})
}
