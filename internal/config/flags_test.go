package config

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestOverride_DefaultsOfFlagsAreTheDefaults(t *testing.T) {
	for _, f := range CacheFlags() {
		c := Default()
		if err := c.Override(f.Name, f.Default); err != nil {
			t.Errorf("--%s: %v", f.Name, err)
		}
		if !equal(c, Default()) {
			t.Errorf("--%s=%s is not the default", f.Name, f.Default)
		}
	}
}

func TestOverride_SetsItsKey(t *testing.T) {
	tests := []struct {
		flag, value, key string
		want             any
	}{
		{"cache-persist", "off", "cache.persist", false},
		{"cache-file", "x.db", "cache.file", "x.db"},
		{"cache-mode", "exact", "cache.mode", "exact"},
		{"cache-threshold", "0.75", "strategy.mine.threshold", 0.75},
		{"cache-max", "12", "cache.max_entries", 12},
		{"cache-ttl-hours", "0.5", "cache.ttl", "30m"},
		{"cache-ttl-hours", "0", "cache.ttl", "0"},
		{"cache-ttl-hours", "876000", "cache.ttl", "36500d"},
		{"host", "./k", "host.program", "./k"},
		{"model", "m.gguf", "host.model", "m.gguf"},
		{"context", "0", "host.context", 0},
		{"threads", "2", "host.threads", 2},
		{"flash-attention", "true", "host.flash_attention", true},
		{"kv-type", "q8_0", "host.kv_type", "q8_0"},
		{"template", "chatml", "host.template", "chatml"},
		{"ignore-memory", "true", "host.ignore_memory", true},
		{"rope-freq-base", "1e4", "host.rope_frequency_base", 1e4},
		{"rope-freq-scale", "0.5", "host.rope_frequency_scale", 0.5},
	}
	const file = `
cache = { mode = "approx", max_entries = 7, ttl = "1h", strategy = "mine" }
[strategy.mine]
threshold = 0.5
`
	for _, test := range tests {
		t.Run(test.flag+"="+test.value, func(t *testing.T) {
			c := load1(t, file)
			if err := c.Override(test.flag, "not the last value", test.value); err != nil {
				t.Fatal(err)
			}
			s := setting(t, c, test.key)
			if s.Value != test.want || s.Source != "flag --"+test.flag {
				t.Errorf("got %v from %s, want %v", s.Value, s.Source, test.want)
			}
		})
	}
}

func setting(t *testing.T, c *Config, key string) Setting {
	t.Helper()
	for _, s := range c.Explain() {
		if s.Key == key {
			return s
		}
	}
	t.Fatalf("no setting %s", key)
	return Setting{}
}

func TestOverride_Refuses(t *testing.T) {
	tests := []struct{ flag, value, want string }{
		{"cache-persist", "maybe", `--cache-persist: found "maybe", want on or off`},
		{"cache-file", "", `--cache-file: found "", want a path (~ is not expanded)`},
		{"cache-file", "~/x.db", `--cache-file: found "~/x.db", want a path (~ is not expanded)`},
		{"cache-mode", "aprox", `--cache-mode: found "aprox", want exact or approx`},
		{"cache-threshold", "1.1", `--cache-threshold: found "1.1", want a number from 0 to 1`},
		{"cache-threshold", "NaN", `--cache-threshold: found "NaN", want a number from 0 to 1`},
		{"cache-max", "0", `--cache-max: found "0", want a whole number from 1 to 1000000000`},
		{"cache-max", "1e3", `--cache-max: found "1e3", want a whole number from 1 to 1000000000`},
		{"cache-ttl-hours", "-1", `--cache-ttl-hours: found "-1", want 0 or a number of hours`},
		{"cache-ttl-hours", "72h", `--cache-ttl-hours: found "72h", want 0 or a number of hours`},
		{"cache-ttl-hours", "1e-9", `--cache-ttl-hours: found "1e-9", want 0 or a number of hours`},
		{"cache-ttl-hours", "1e-300", `--cache-ttl-hours: found "1e-300", want 0 or a number of hours`},
		{"cache-ttl-hours", "NaN", `--cache-ttl-hours: found "NaN", want 0 or a number of hours`},
		{"cache-ttl-hours", "876001", `--cache-ttl-hours: found "876001", want 0 or a number of hours`},
		{"kv-type", "q9", `--kv-type: found "q9", want "f16"`},
		{"lora", "a.gguf=x", `--lora: found "a.gguf=x", want FILE or FILE=SCALE`},
		{"lora", "a.gguf=0", `--lora: found "a.gguf=0", want FILE or FILE=SCALE`},
		{"lora", "", `--lora: found "", want FILE or FILE=SCALE`},
	}
	for _, test := range tests {
		c := Default()
		err := c.Override(test.flag, test.value)
		var p *Problem
		if !errors.As(err, &p) || p.Flag != "--"+test.flag || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("--%s=%s: got %v, want %s", test.flag, test.value, err, test.want)
		}
		if !equal(c, Default()) {
			t.Errorf("--%s=%s changed the configuration", test.flag, test.value)
		}
	}
}

func TestOverride_UnknownFlag(t *testing.T) {
	if HasFlag("prompt") || !HasFlag("cache-max") || !HasFlag("lora") {
		t.Error("HasFlag is wrong about prompt, cache-max or lora")
	}
	if err := Default().Override("prompt", "x"); err == nil {
		t.Error("got no error")
	}
	c := load1(t, `cache.strategy = "none"`)
	if err := c.Override("cache-threshold", "1"); err == nil || !strings.Contains(err.Error(), `there is no strategy "none"`) {
		t.Errorf("the threshold of a strategy that is not there: got %v", err)
	}
}

func TestOverride_AdaptersReplaceTheList(t *testing.T) {
	c := load1(t, "[[host.adapter]]\npath = \"/one\"\n[[host.adapter]]\npath = \"/two\"\n[[host.adapter]]\npath = \"/three\"")
	if err := c.Override("lora", "a=b.gguf=0.5", "c.gguf"); err != nil {
		t.Fatal(err)
	}
	if want := []Adapter{{"a=b.gguf", 0.5}, {"c.gguf", 1}}; !reflect.DeepEqual(c.Host.Adapters, want) {
		t.Errorf("got %v, want %v", c.Host.Adapters, want)
	}
	if s := setting(t, c, "host.adapter[1].scale"); s.Source != "flag --lora" {
		t.Errorf("got source %q", s.Source)
	}
}

func TestValidate_NamesTheFlag(t *testing.T) {
	c := load1(t, "[cache]\nttl = \"1h\"")
	for _, pair := range [][2]string{{"kv-type", "q8_0"}, {"cache-file", ".jsonl"}} {
		if err := c.Override(pair[0], pair[1]); err != nil {
			t.Fatal(err)
		}
	}
	err := c.Validate()
	for _, want := range []string{"--kv-type: ", "--cache-file: "} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if err := c.Override("flash-attention", "true"); err != nil {
		t.Fatal(err)
	}
	if err := c.Validate(); strings.Contains(fmt.Sprint(err), "--kv-type") {
		t.Errorf("with flash attention: got %v", err)
	}
}

func TestOverride_TTL(t *testing.T) {
	c := Default()
	if err := c.Override("cache-ttl-hours", "0.0001"); err != nil || c.Cache.TTL != 360*time.Millisecond {
		t.Errorf("got %v, %v, want 360ms", c.Cache.TTL, err)
	}
}
