package server

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/kvasir-cache/kvasir/engine"
	"github.com/kvasir-cache/kvasir/internal/hosttest"
)

// TestGrafana_NamesOnlyMetricsThereAre reads the dashboard of the examples.
func TestGrafana_NamesOnlyMetricsThereAre(t *testing.T) {
	f := start(t, hosttest.Options{})
	onDisk, err := engine.Open(engine.Options{Dir: t.TempDir(), Strategy: "default", Strategies: lowering}) // for metrics of saved state
	if err != nil {
		t.Fatal(err)
	}
	f.engine.Close()
	f.engine = onDisk // which the fixture closes
	f.ask(t, chatBody("hello"))
	exported := map[string]bool{}
	for _, line := range strings.Split(f.look(t, "GET", "/metrics", "").body, "\n") {
		name, _, _ := strings.Cut(line, " ")
		name, _, _ = strings.Cut(name, "{")
		exported[name] = true
	}
	text, err := os.ReadFile("../../examples/grafana/kvasir.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
		Templating struct {
			List []struct{ Query any }
		}
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	named := 0
	metric := regexp.MustCompile(`\b(kvasir|go|process)_[a-z_]+`)
	for _, p := range dashboard.Panels {
		for _, target := range p.Targets {
			found := metric.FindAllString(target.Expr, -1)
			if len(found) == 0 {
				t.Errorf("%s: %s names no metric", p.Title, target.Expr)
			}
			for _, name := range found {
				if named++; !exported[name] {
					t.Errorf("%s: nothing exports %s", p.Title, name)
				}
			}
		}
	}
	if named < 30 || !exported["kvasir_info"] || !strings.Contains(string(text), "label_values(kvasir_info, instance)") {
		t.Errorf("%d metrics are named", named)
	}
}
