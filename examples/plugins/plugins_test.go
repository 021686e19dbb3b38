// Package plugins_test runs the example plugins through the conformance kit, and their vectors with it.
package plugins_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/kvasir-cache/kvasir/hostapi"
	"github.com/kvasir-cache/kvasir/hostapi/conformance"
	"github.com/kvasir-cache/kvasir/internal/script"
	"github.com/kvasir-cache/kvasir/internal/wasmhost"
)

// made is where TestMain puts the plugins in Go, which are too large to commit.
var made string

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
	made = dir
	runtime, err = wasmhost.Open(context.Background(), wasmhost.RuntimeOptions{CacheDir: filepath.Join(dir, "compiled")})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer runtime.Close()
	if out, err := exec.Command("./build", "go", dir).CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build go: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

var languages = []string{"c", "rust", "zig", "assemblyscript", "go"}

// module is where a plugin in a language lies. stdio and extism are other kinds, and have a normalizer.
func module(language, plugin string) string {
	path := filepath.Join(language, plugin, plugin+".wasm")
	if language == "go" || language == "stdio" {
		return filepath.Join(made, path)
	}
	return path
}

func load(t testing.TB, path string) hostapi.Plugin {
	t.Helper()
	p, err := wasmhost.Load(context.Background(), wasmhost.Options{Runtime: runtime, Name: "example", Path: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func vectors(t testing.TB, plugin string) []conformance.Vector {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", plugin+".jsonl"))
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

// check runs the kit over what open loads, and looks at the host too where that is asked for.
func check(t *testing.T, open func() (hostapi.Plugin, error), plugin string, host bool) {
	t.Helper()
	p, err := open()
	if err != nil {
		t.Fatal(err)
	}
	conformance.Run(t, p, conformance.Options{Vectors: vectors(t, plugin), Symmetric: true, Host: host, Again: open})
}

func checkModule(t *testing.T, path, plugin string) {
	t.Helper()
	check(t, func() (hostapi.Plugin, error) {
		return wasmhost.Load(context.Background(), wasmhost.Options{Runtime: runtime, Name: "example", Path: path})
	}, plugin, true)
}

func TestPlugins_KeepTheContract(t *testing.T) {
	for _, plugin := range []string{"normalizer", "scorer"} {
		for _, language := range languages {
			t.Run(language+"/"+plugin, func(t *testing.T) { checkModule(t, module(language, plugin), plugin) })
		}
	}
}

func TestOtherKinds_KeepTheContract(t *testing.T) {
	for _, kind := range []string{"stdio", "extism"} {
		t.Run(kind, func(t *testing.T) { checkModule(t, module(kind, "normalizer"), "normalizer") })
	}
	t.Run("c/features", func(t *testing.T) { checkModule(t, module("c", "features"), "features") })
	for _, plugin := range []string{"normalizer", "scorer", "scan", "hooks"} {
		t.Run("script/"+plugin, func(t *testing.T) {
			check(t, func() (hostapi.Plugin, error) {
				return script.Load(context.Background(), script.Options{Name: plugin, Path: "script/" + plugin + ".star"})
			}, plugin, false)
		})
	}
}

// The manifests are the same in every language, and so is what Kvasir makes of them.
func TestPlugins_SayWhatTheyAre(t *testing.T) {
	for _, language := range languages {
		m := load(t, module(language, "normalizer")).Manifest()
		if m.Name != "ascii-lower" || m.Version != "1.0.0" || !m.Has(hostapi.RoleNormalize) || m.Scorer != nil {
			t.Errorf("%s normalizer: got %+v", language, m)
		}
		m = load(t, module(language, "scorer")).Manifest()
		want := hostapi.Index{Unit: "char", Min: 3, Max: 3, Floor: 0.7}
		if m.Name != "trigrams" || !m.Has(hostapi.RoleScore) || *m.Scorer.Index != want || !m.Scorer.Sound {
			t.Errorf("%s scorer: got %+v, scorer %+v", language, m, m.Scorer)
		}
	}
}

// What is committed is what the sources make, for the languages whose compilers are here.
func TestBuild_MakesTheCommittedModules(t *testing.T) {
	if testing.Short() {
		t.Skip("it compiles every example")
	}
	out, err := exec.Command("./build", "--check").CombinedOutput()
	if err != nil {
		t.Errorf("build --check: %v", err)
	}
	t.Logf("%s", out)
}

// What is copied from here should not run out of steps on the prompts there are.
func TestScorers_LongPromptsFitTheBudget(t *testing.T) {
	candidates := make([]string, hostapi.MaxCandidates)
	for i := range candidates {
		candidates[i] = text(i+1, 500)
	}
	for _, language := range languages {
		scores, err := load(t, module(language, "scorer")).Score(context.Background(), text(0, 500), candidates)
		if err != nil {
			t.Errorf("%s: %v", language, err)
		} else if err := hostapi.CheckScores(scores, len(candidates)); err != nil {
			t.Errorf("%s: %v", language, err)
		}
	}
}
