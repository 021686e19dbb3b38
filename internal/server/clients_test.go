package server

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kvasir-cache/kvasir/internal/hosttest"
)

const clients = "../../examples/openai-clients"

// pretend answers as a model does that keeps to a grammar, which the fake host does not.
func pretend(prompt string) string {
	switch {
	case strings.Contains(prompt, "JSON."):
		return `{"city":"Niamey"}`
	case strings.Contains(prompt, "<tools>"):
		return "<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"city\":\"Paris\"}}\n</tool_call>"
	}
	return hosttest.Answer(prompt)
}

func TestClient_Go(t *testing.T) {
	client := filepath.Join(t.TempDir(), "client")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", client, ".")
	build.Dir, build.Env = filepath.Join(clients, "go"), append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	run(t, build)
	run(t, exec.CommandContext(t.Context(), client, start(t, hosttest.Options{Answer: pretend}).api.URL+"/v1"))
}

func TestClient_JavaScript(t *testing.T) {
	for _, program := range []string{"npm", "node"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not there: the client for JavaScript is left out", program)
		}
	}
	dir := t.TempDir()
	for _, name := range []string{"package.json", "package-lock.json", "main.mjs"} {
		text, err := os.ReadFile(filepath.Join(clients, "js", name))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	install := exec.CommandContext(t.Context(), "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline")
	install.Dir = dir
	run(t, install)
	node := exec.CommandContext(t.Context(), "node", "main.mjs", start(t, hosttest.Options{Answer: pretend}).api.URL+"/v1")
	node.Dir = dir
	run(t, node)
}

// unreachable are what go and npm say where packages cannot be fetched.
var unreachable = []string{"dial tcp", "no such host", "connection refused", "GOPROXY=off", "ENOTFOUND", "ECONNREFUSED", "EAI_AGAIN", "ETIMEDOUT", "proxyconnect"}

func run(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Logf("%s", out)
		return
	}
	for _, sign := range unreachable {
		if cmd.Path != os.Args[0] && strings.Contains(string(out), sign) {
			t.Skipf("packages cannot be fetched: %s", out)
		}
	}
	t.Fatalf("%s: %v\n%s", cmd, err, out)
}
