package plugins_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/kvasir-cache/kvasir/hostapi"
	"github.com/kvasir-cache/kvasir/hostapi/conformance"
	"github.com/kvasir-cache/kvasir/internal/wasmhost"
)

// compilers of the guides, by what must be there to run their commands.
var compilers = map[string]string{
	"go": "go", "c": "clang-19", "rust": "wasm-ld-14", "zig": "zig", "assemblyscript": "npm",
}

var (
	// A source has its name above it: `shout.c`:
	sourceBlock = regexp.MustCompile("(?ms)^`(\\S+)`:\n\n```\\w+\n(.*?)^```$")
	buildBlock  = regexp.MustCompile("(?ms)^```sh build\n(.*?)^```$")
)

// The commands and sources of a guide make a plugin that keeps the contract.
func TestGuides_LeadToACheckedPlugin(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	for language, compiler := range compilers {
		t.Run(language, func(t *testing.T) {
			if _, err := exec.LookPath(compiler); err != nil {
				t.Skipf("there is no %s", compiler)
			}
			dir := t.TempDir()
			if language == "assemblyscript" {
				installAssemblyScript(t, dir)
			}
			commands := follow(t, filepath.Join(root, "docs", "plugins", language+".md"), dir)
			build := exec.Command("bash", "-euc", commands)
			build.Dir = dir
			build.Env = append(os.Environ(), "KVASIR="+root, "CGO_ENABLED=0")
			if out, err := build.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			checkShout(t, filepath.Join(dir, "shout.wasm"))
		})
	}
}

// installAssemblyScript gives dir the compiler that the examples are built with.
func installAssemblyScript(t *testing.T, dir string) {
	t.Helper()
	modules, err := exec.Command("./build", "asc").Output()
	if err != nil {
		t.Skipf("npm cannot install it: %v", err)
	}
	if err := os.Symlink(strings.TrimSpace(string(modules)), filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
}

// follow writes the sources of a guide into dir and returns its commands.
func follow(t *testing.T, guide, dir string) string {
	t.Helper()
	text, err := os.ReadFile(guide)
	if err != nil {
		t.Fatal(err)
	}
	sources, build := sourceBlock.FindAllSubmatch(text, -1), buildBlock.FindSubmatch(text)
	if len(sources) == 0 || build == nil {
		t.Fatalf("%s has %d sources, and a build is there: %v", guide, len(sources), build != nil)
	}
	for _, s := range sources {
		if err := os.WriteFile(filepath.Join(dir, string(s[1])), s[2], 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if !strings.Contains(string(text), `kvasir plugin check shout.wasm`) {
		t.Errorf("%s does not say how to check the plugin", guide)
	}
	return string(build[1])
}

func checkShout(t *testing.T, path string) {
	t.Helper()
	v, err := conformance.ReadVectors(strings.NewReader(`{"op":"normalize","text":"Hello, world 1","want":"HELLO, WORLD 1"}`))
	if err != nil {
		t.Fatal(err)
	}
	again := func() (hostapi.Plugin, error) {
		return wasmhost.Load(t.Context(), wasmhost.Options{Runtime: runtime, Name: "shout", Path: path})
	}
	p, err := again()
	if err != nil {
		t.Fatal(err)
	}
	if m := p.Manifest(); m.Name != "shout" {
		t.Errorf("its manifest is %+v", m)
	}
	conformance.Run(t, p, conformance.Options{Vectors: v, Again: again})
}
