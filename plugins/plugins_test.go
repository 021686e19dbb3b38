// Package plugins_test runs the plugins that come with Kvasir through the conformance kit, and their
// vectors with it.
package plugins_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path"
	"strings"
	"testing"

	"github.com/kvasir-cache/kvasir/hostapi"
	"github.com/kvasir-cache/kvasir/hostapi/conformance"
	"github.com/kvasir-cache/kvasir/internal/wasmhost"
	"github.com/kvasir-cache/kvasir/plugins"
)

var runtime *wasmhost.Runtime

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	slog.SetLogLoggerLevel(slog.LevelWarn)
	dir, err := os.MkdirTemp("", "plugins")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	runtime, err = wasmhost.Open(context.Background(), wasmhost.RuntimeOptions{CacheDir: dir})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer runtime.Close()
	return m.Run()
}

func open(name, config string) (hostapi.Plugin, error) {
	module, ok := plugins.Module(name)
	if !ok {
		return nil, fmt.Errorf("there is no plugin %q", name)
	}
	return wasmhost.Load(context.Background(), wasmhost.Options{
		Runtime: runtime, Name: name, Module: module, Config: json.RawMessage(config), Limits: limitsOf(name),
	})
}

func limitsOf(name string) hostapi.Limits {
	for _, p := range plugins.List() {
		if p.Name == name {
			return p.Limits()
		}
	}
	return hostapi.Limits{}
}

func load(t testing.TB, name, config string) hostapi.Plugin {
	t.Helper()
	p, err := open(name, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func vectors(t testing.TB, dir string) []conformance.Vector {
	t.Helper()
	f, err := os.Open(path.Join(dir, "testdata", "vectors.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	v, err := conformance.ReadVectors(f)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestPlugins_KeepTheContract(t *testing.T) {
	for _, p := range plugins.List() {
		t.Run(p.Name, func(t *testing.T) {
			plugin := load(t, p.Name, "")
			if m := plugin.Manifest(); m.Name != p.Name || m.Version == "" || !m.Has(p.Role) {
				t.Errorf("got manifest %+v, want name %s and role %s", m, p.Name, p.Role)
			}
			conformance.Run(t, plugin, conformance.Options{
				Vectors:   vectors(t, path.Join(string(p.Role), p.Name)),
				Symmetric: p.Name == "exact" || p.Name == "jaccard",
				Again:     func() (hostapi.Plugin, error) { return open(p.Name, "") },
			})
		})
	}
}

func TestModule_KnowsOnlyItsNames(t *testing.T) {
	for _, name := range []string{"", "Jaccard", "score/jaccard", "../plugins", "no such"} {
		if _, ok := plugins.Module(name); ok {
			t.Errorf("%q: got a module", name)
		}
	}
}

// All plugins together, with the guard, are to take no more than 300 KB.
func TestModules_AreSmall(t *testing.T) {
	all := 0
	for _, p := range plugins.List() {
		module, _ := plugins.Module(p.Name)
		most := 24 << 10
		if p.Name == "difference" { // it holds a dictionary
			most = 216 << 10
		}
		if len(module) > most {
			t.Errorf("%s has %d bytes, at most %d are wanted", p.Name, len(module), most)
		}
		all += len(module)
	}
	if all > 300_000 {
		t.Errorf("all have %d bytes together, at most 300,000 are wanted", all)
	}
}

func TestModules_AreWhatTheirSourcesMake(t *testing.T) {
	if testing.Short() {
		t.Skip("it compiles all plugins")
	}
	out, err := exec.Command("./build", "--check").CombinedOutput()
	switch {
	case err != nil:
		t.Errorf("build --check: %v\n%s", err, out)
	case strings.Contains(string(out), "skipped"):
		t.Skip(strings.TrimSpace(string(out)))
	}
}
