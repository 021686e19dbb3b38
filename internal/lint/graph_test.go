package lint

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
)

const module = "github.com/kvasir-cache/kvasir"

// node is one package of the module and what it imports. Packages of the module are named by their
// folder, as in "./engine", others by their import path.
type node struct {
	path    string
	imports []string
	tests   []string // what its test files import
}

// A rule limits what packages may import. It names them as patterns: "./a" is one package, and
// "./a/..." is ./a and all below it.
type rule struct {
	from   []string // the packages it binds; none means all
	except []string // packages it does not bind
	only   []string // what they may import besides the standard library; read when never is empty
	never  []string // what they may not import, in test files either
	why    string
}

// violations returns a line for every import in graph that a rule forbids.
func violations(graph []node, rules []rule) []string {
	var found []string
	for _, n := range graph {
		for _, r := range rules {
			if r.binds(n.path) {
				found = append(found, r.check(n)...)
			}
		}
	}
	return found
}

func (r rule) binds(path string) bool {
	return (len(r.from) == 0 || matches(path, r.from)) && !matches(path, r.except)
}

func (r rule) check(n node) []string {
	var found []string
	for _, path := range n.imports {
		if r.forbids(path) {
			found = append(found, fmt.Sprintf("%s imports %s: %s", n.path, path, r))
		}
	}
	for _, path := range n.tests {
		if r.forbidsInTest(n.path, path) {
			found = append(found, fmt.Sprintf("a test of %s imports %s: %s", n.path, path, r))
		}
	}
	return found
}

func (r rule) forbids(path string) bool {
	if len(r.never) > 0 {
		return matches(path, r.never)
	}
	return !isStandard(path) && !matches(path, r.only)
}

// forbidsInTest leaves tests free to use the package they test, what helps every test, and
// testing libraries.
func (r rule) forbidsInTest(of, path string) bool {
	if len(r.never) == 0 && (path == of || matches(path, testHelpers) || isThirdParty(path)) {
		return false
	}
	return r.forbids(path)
}

// String says the rule and its reason, to follow the name of a package it binds.
func (r rule) String() string {
	switch {
	case len(r.never) > 0 && len(r.except) > 0:
		return fmt.Sprintf("only %s may: %s", strings.Join(r.except, ", "), r.why)
	case len(r.never) > 0:
		return fmt.Sprintf("it may not import %s: %s", strings.Join(r.never, ", "), r.why)
	case len(r.only) == 0:
		return "it may import only the standard library: " + r.why
	}
	return fmt.Sprintf("it may import only the standard library and %s: %s",
		strings.Join(r.only, ", "), r.why)
}

func matches(path string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		tree, isTree := strings.CutSuffix(pattern, "/...")
		return path == tree || isTree && strings.HasPrefix(path, tree+"/")
	})
}

func isOurs(path string) bool { return strings.HasPrefix(path, "./") }

// isThirdParty says whether path is of another module: its first part is a domain name.
func isThirdParty(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !isOurs(path) && strings.Contains(first, ".")
}

// isStandard excludes "C", which is no package.
func isStandard(path string) bool {
	return path != "C" && !isOurs(path) && !isThirdParty(path)
}

// shorten writes paths of the module as "./engine".
func shorten(paths ...string) []string {
	short := make([]string, len(paths))
	for i, path := range paths {
		if rest, ok := strings.CutPrefix(path, module+"/"); ok {
			path = "./" + rest
		}
		short[i] = path
	}
	return short
}

// load lists the packages of the module as the build tags select them. Import "C" shows only with
// cgo on; nothing is compiled.
func load(tags string) ([]node, error) {
	cmd := exec.Command("go", "list", "-e", "-tags="+tags,
		"-json=ImportPath,Imports,TestImports,XTestImports", module+"/...")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=1")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w\n%s", err, &stderr)
	}
	return decode(out)
}

func decode(out []byte) ([]node, error) {
	var graph []node
	decoder := json.NewDecoder(bytes.NewReader(out))
	for {
		var p struct {
			ImportPath                         string
			Imports, TestImports, XTestImports []string
		}
		err := decoder.Decode(&p)
		if errors.Is(err, io.EOF) {
			return graph, nil
		}
		if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		graph = append(graph, node{
			path:    shorten(p.ImportPath)[0],
			imports: shorten(p.Imports...),
			tests:   shorten(append(p.TestImports, p.XTestImports...)...),
		})
	}
}
