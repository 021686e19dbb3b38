package hostapi_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kvasir-cache/kvasir/hostapi"
)

func page(t *testing.T) string {
	t.Helper()
	content, err := os.ReadFile("../docs/plugins/abi.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// The page draws the bytes and examples that the tests use.
func TestDocs_ShowTheWorkedBytesAndExamples(t *testing.T) {
	text := page(t)
	for _, pattern := range []string{
		"frames/*.hex", "examples/event_*.json", "examples/decision_*.json", "examples/init.json",
		"examples/manifest_scorer.json", "examples/explanation_different.json",
	} {
		files, err := filepath.Glob(filepath.Join("testdata", pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %q, %v", pattern, files, err)
		}
		for _, file := range files {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(text, "\n"+strings.TrimSpace(string(content))+"\n") {
				t.Errorf("docs/plugins/abi.md does not show %s as it is", file)
			}
		}
	}
}

func TestDocs_NameEverythingThereIs(t *testing.T) {
	text := page(t)
	names := []string{hostapi.ExportMemory, hostapi.ExportVersion, hostapi.ExportAlloc, hostapi.ExportInitialize,
		hostapi.ExportInit, hostapi.ExportExplain, hostapi.ImportHost, hostapi.ImportWASI, hostapi.StrategyExact}
	for _, r := range hostapi.Roles() {
		names = append(names, r.Export())
	}
	for _, g := range hostapi.Grants() {
		names = append(names, string(g))
	}
	for _, name := range names {
		if !strings.Contains(text, "`"+name+"`") {
			t.Errorf("docs/plugins/abi.md does not name `%s`", name)
		}
	}
	for _, name := range append(hostapi.HostFeatures(), "tokenize", "kv_get", "kv_put", "now_ms", "random") {
		if !strings.Contains(text, "| `"+name+"(") {
			t.Errorf("docs/plugins/abi.md does not draw %s", name)
		}
	}
}
