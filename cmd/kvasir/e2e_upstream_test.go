//go:build llama && linux

package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/kvasir-cache/kvasir/internal/atlas"
)

// TestEndToEnd_ServeInFrontOfServe has one server answer by another one, and then without it. The key is in
// nothing that the one in front writes.
func TestEndToEnd_ServeInFrontOfServe(t *testing.T) {
	const key = "secret-key-of-the-one-behind"
	behind, front := t.TempDir(), t.TempDir()
	writeConfig(t, behind, fmt.Sprintf("[tenant.front]\nkey_sha256 = \"%x\"\n", sha256.Sum256([]byte(key))))
	far := serveIn(t, behind)
	eventually(t, far.ready, func() string { return "the one behind is not ready" })
	t.Setenv("FAR_KEY", key)
	writeConfig(t, front, fmt.Sprintf("[host]\nkind = \"openai\"\n[upstream]\nurl = \"%s/v1/\"\nmodel = \"far\"\nkey_env = \"FAR_KEY\"\nretries = 0\n", far.api))
	near := serveIn(t, front)
	eventually(t, near.ready, func() string { return "the one in front is not ready" })

	fact, other := atlas.Facts()[0], atlas.Facts()[1]
	for _, want := range []string{"miss", "answer"} {
		if text, action := near.chat(t, fact.Prompt, ""); text != fact.Answer || action != want {
			t.Errorf("%q by %s, want %q by %s", text, action, fact.Answer, want)
		}
	}
	schema := `,"response_format":{"type":"json_schema","json_schema":{"name":"x","schema":{"type":"object","properties":{"n":{"type":"integer","minimum":17,"maximum":17}},"required":["n"]}}}`
	if text, action := near.chat(t, fact.Prompt, schema); action != "miss" || strings.Join(strings.Fields(text), "") != `{"n":17}` {
		t.Errorf("with a schema: %q by %s", text, action)
	}
	tool := `,"tools":[{"type":"function","function":{"name":"act","parameters":{"type":"object","properties":{"n":{"type":"integer","minimum":17,"maximum":17}},"required":["n"]}}}],` +
		`"tool_choice":"required","parallel_tool_calls":false`
	for _, want := range []string{"miss", "answer"} {
		if call, action := near.chat(t, "Go on.", tool); strings.Join(strings.Fields(call), "") != `act{"n":17}` || action != want {
			t.Errorf("call %q by %s, want it by %s", call, action, want)
		}
	}
	body := fmt.Sprintf(`{"messages":[{"role":"user","content":%q}],"stream":true}`, other.Prompt)
	r, err := http.Post(near.api+"/v1/chat/completions", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if text := readBody(t, r); r.Header.Get("X-Kvasir-Action") != "miss" || !strings.HasSuffix(text, "data: [DONE]\n\n") {
		t.Errorf("a stream: %v %s", r.Header, text)
	}
	r.Body.Close()

	cmd := kvasirIn(front, "run", "-p", other.Prompt, "--json")
	if out, err := cmd.Output(); err != nil || !bytes.Contains(out, []byte(`"answer"`)) || !bytes.Contains(out, []byte(other.Answer)) {
		t.Errorf("kvasir run beside it: %v, %s", err, out)
	}
	far.end(t, syscall.SIGKILL)
	if text, action := near.chat(t, fact.Prompt, ""); text != fact.Answer || action != "answer" {
		t.Errorf("without the one behind: %q by %s", text, action)
	}
	r, err = http.Post(near.api+"/v1/chat/completions", "application/json", strings.NewReader(`{"messages":[{"role":"user","content":"Something else?"}]}`))
	if err != nil || r.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("what is not stored: %v, %v", r, err)
	}
	if text := readBody(t, r); !strings.Contains(text, "cannot be reached") {
		t.Errorf("what is not stored: %s", text)
	}
	if log := near.end(t, syscall.SIGTERM); strings.Contains(log, key) {
		t.Errorf("the log has the key: %s", log)
	}
	hasNot(t, front, key)
}

func writeConfig(t *testing.T, dir, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "cache.toml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// hasNot checks that no file of a folder has a text in it.
func hasNot(t *testing.T, dir, text string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		if bytes.Contains(content, []byte(text)) {
			t.Errorf("%s has it", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
