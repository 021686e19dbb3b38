package lint

import (
	"slices"
	"strings"
	"testing"
)

func TestTree_DependenciesPointOneWay(t *testing.T) {
	for _, tags := range []string{"", "llama"} {
		graph, err := load(tags)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(graph, func(n node) bool { return n.path == "./internal/base" }) {
			t.Fatalf("tags %q: go list names %d packages, and ./internal/base is none of them", tags, len(graph))
		}
		for _, line := range violations(graph, rules) {
			t.Errorf("tags %q: %s", tags, line)
		}
	}
}

// The rules are tried on made-up imports, so that a rule which forbids nothing is found.
func TestRules_ForbidAndAllow(t *testing.T) {
	var all []node
	for _, c := range []struct {
		of, imports string
		inTest      bool
		want        int // violations
	}{
		{of: "./internal/base", imports: "context"},
		{of: "./internal/base", imports: "./internal/gguf", want: 1},
		{of: "./internal/base", imports: "golang.org/x/text", want: 1},
		{of: "./internal/base", imports: "./internal/hosttest", inTest: true},
		{of: "./internal/base", imports: "pgregory.net/rapid", inTest: true},
		{of: "./internal/base", imports: "./internal/store", inTest: true, want: 1},
		{of: "./hostapi", imports: "./internal/base", want: 1},
		{of: "./internal/gguf", imports: "./internal/base"},
		{of: "./internal/gguf", imports: "./llama", want: 1},
		{of: "./internal/schedule", imports: "./internal/gguf", want: 1},
		{of: "./internal/schedule", imports: "./internal/blob"},
		{of: "./internal/layout", imports: "./internal/base", want: 1},
		{of: "./internal/keyspace", imports: "./internal/store", want: 1},
		{of: "./internal/store", imports: "./internal/keyspace"},
		{of: "./internal/store", imports: "./engine", want: 1},
		{of: "./hostapi/guest", imports: "./hostapi", want: 1},
		{of: "./hostapi/guest/hook", imports: "./hostapi/guest"},
		{of: "./hostapi/guest/hook", imports: "./internal/base", want: 1},
		{of: "./hostapi/conformance", imports: "./internal/wasmhost", want: 1},
		{of: "./internal/plugin", imports: "./hostapi"},
		{of: "./internal/plugin", imports: "./internal/wasmhost", want: 1},
		{of: "./internal/seal", imports: "golang.org/x/crypto/chacha20poly1305"},
		{of: "./internal/seal", imports: "./internal/keyspace", want: 1},
		{of: "./internal/blob", imports: "./internal/base"},
		{of: "./internal/blob", imports: "./internal/keyspace", want: 1},
		{of: "./internal/control", imports: "./engine"},
		{of: "./internal/control", imports: "./internal/config", want: 1},
		{of: "./internal/testmodel/gen", imports: "./internal/testmodel"},
		{of: "./internal/testmodel", imports: "./llama", want: 1},
		{of: "./internal/hosttest/testproc", imports: "./hostapi/process"},
		{of: "./internal/hosttest", imports: "./internal/prochost", want: 1},
		{of: "./hostapi/process", imports: "./internal/hosttest/testproc", inTest: true},
		{of: "./hostapi/process", imports: "./internal/prochost", want: 1},
		{of: "./hostapi/process", imports: "./hostapi"},
		{of: "./internal/prochost", imports: "./hostapi"},
		{of: "./internal/tracing", imports: "go.opentelemetry.io/otel/trace"},
		{of: "./internal/server", imports: "go.opentelemetry.io/otel/trace", want: 1},
		{of: "./internal/upstream", imports: "./internal/openai"},
		{of: "./internal/upstream", imports: "./internal/setup", want: 1},
		{of: "./internal/prochost", imports: "github.com/hashicorp/go-plugin/runner"},
		{of: "./internal/prochost", imports: "./llama", want: 1},
		{of: "./llama", imports: "C"},
		{of: "./llama", imports: "./hostapi/process", want: 1},
		{of: "./internal/server", imports: "C", want: 1},
		{of: "./internal/server", imports: "./internal/setup", inTest: true, want: 1},
		{of: "./internal/server", imports: "./internal/openai"},
		{of: "./engine", imports: "github.com/prometheus/client_golang/prometheus", want: 1},
		{of: "./internal/server", imports: "./cmd/kvasir/flags", want: 1},
		{of: "./internal/server", imports: "./cmd/kvasir/flags", inTest: true, want: 1},
		{of: "./cmd/kvasir", imports: "./cmd/kvasir/flags"},
		{of: "./internal/store", imports: "github.com/cockroachdb/pebble/v2/vfs"},
		{of: "./engine", imports: "github.com/cockroachdb/pebble/v2/vfs", want: 1},
		{of: "./engine", imports: "github.com/cockroachdb/pebblesque"},
		{of: "./cmd/kvasir-llama", imports: "github.com/hashicorp/go-plugin"},
		{of: "./engine", imports: "net/http", want: 1},
		{of: "./engine/trace", imports: "github.com/tetratelabs/wazero/api", want: 2},
		{of: "./engine", imports: "github.com/hashicorp/go-plugin", want: 2}, // two rules say so
		{of: "./engine", imports: "./internal/store"},
		{of: "./internal/snapshot", imports: "./internal/base"},
		{of: "./internal/snapshot", imports: "./internal/store", want: 1},
		{of: "./internal/ngram", imports: "golang.org/x/text/unicode/norm"},
		{of: "./internal/textfold", imports: "./internal/ngram", want: 1},
		{of: "./internal/script", imports: "./hostapi"},
		{of: "./internal/script", imports: "go.starlark.net/starlark"},
		{of: "./internal/script", imports: "./internal/base", want: 1},
		{of: "./engine", imports: "go.starlark.net/syntax", want: 1},
		{of: "./internal/wasmhost", imports: "github.com/tetratelabs/wazero/experimental"},
		{of: "./internal/wasmhost", imports: "./internal/script", want: 1},
		{of: "./internal/wasmhost/meter", imports: "./hostapi", want: 1},
		{of: "./internal/wasmhost/meter", imports: "github.com/tetratelabs/wazero", inTest: true},
		{of: "./internal/config", imports: "github.com/tetratelabs/wazero", inTest: true, want: 1},
	} {
		n := node{path: c.of, imports: []string{c.imports}}
		if c.inTest {
			n = node{path: c.of, tests: []string{c.imports}}
		}
		all = append(all, n)
		if got := violations([]node{n}, rules); len(got) != c.want {
			t.Errorf("%s imports %s (test: %t): got %d violations %q, want %d",
				c.of, c.imports, c.inTest, len(got), got, c.want)
		}
	}
	for _, r := range rules {
		if len(violations(all, []rule{r})) == 0 {
			t.Errorf("no case above breaks the rule %q", r)
		}
	}
}

func TestViolations_SayWhoWhatAndWhy(t *testing.T) {
	graph := []node{{path: "./internal/gguf", imports: []string{"./llama"}}}
	lines := violations(graph, rules)
	if len(lines) != 1 {
		t.Fatalf("got %q, want one line", lines)
	}
	for _, part := range []string{"./internal/gguf imports ./llama", "./internal/base", "which needs no disk"} {
		if !strings.Contains(lines[0], part) {
			t.Errorf("got %q, want %q in it", lines[0], part)
		}
	}
}

func TestDecode_ShortensPathsAndJoinsBothKindsOfTests(t *testing.T) {
	graph, err := decode([]byte(`{"ImportPath":"` + module + `/llama","Imports":["C","` + module + `/internal/base"],
		"TestImports":["testing"],"XTestImports":["` + module + `/llama"]}{"ImportPath":"` + module + `/engine"}`))
	if err != nil {
		t.Fatal(err)
	}
	if len(graph) != 2 || graph[0].path != "./llama" || graph[1].path != "./engine" {
		t.Fatalf("got %+v, want ./llama and ./engine", graph)
	}
	if want := []string{"C", "./internal/base"}; !slices.Equal(graph[0].imports, want) {
		t.Errorf("imports: got %q, want %q", graph[0].imports, want)
	}
	if want := []string{"testing", "./llama"}; !slices.Equal(graph[0].tests, want) {
		t.Errorf("tests: got %q, want %q", graph[0].tests, want)
	}
	if _, err := decode([]byte(`{"ImportPath":`)); err == nil {
		t.Error("cut-off input: got no error")
	}
}
