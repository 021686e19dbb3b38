//go:build llama && linux

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/kvasir-cache/kvasir/internal/atlas"
)

// served is a running kvasir serve.
type served struct {
	cmd        *exec.Cmd
	api, admin string   // base URLs
	log        chan any // closed when it has ended
	lines      *bytes.Buffer
}

// serveIn starts kvasir serve in a folder, on ports of its own.
func serveIn(t *testing.T, dir string, args ...string) *served {
	t.Helper()
	s := &served{cmd: kvasirIn(dir, append([]string{"serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"}, args...)...), log: make(chan any), lines: &bytes.Buffer{}}
	out, err := s.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.cmd.Process.Kill() })
	lines := bufio.NewScanner(out)
	for s.admin == "" && lines.Scan() {
		if _, url, ok := strings.Cut(lines.Text(), " at http://"); ok && s.api == "" {
			s.api = "http://" + strings.TrimSuffix(url, "/v1")
		} else if ok {
			s.admin = "http://" + url
		}
	}
	if s.admin == "" {
		t.Fatal("it did not say where it serves")
	}
	go func() {
		defer close(s.log)
		for lines.Scan() {
			s.lines.WriteString(lines.Text() + "\n")
		}
	}()
	return s
}

// end sends a signal and returns what was logged.
func (s *served) end(t *testing.T, signal os.Signal) string {
	t.Helper()
	if err := s.cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	<-s.log
	if err := s.cmd.Wait(); err != nil && signal == syscall.SIGTERM {
		t.Errorf("it ended with %v: %s", err, s.lines)
	}
	return s.lines.String()
}

// chat asks, and returns the answer and what the cache did.
func (s *served) chat(t *testing.T, prompt string, fields string) (text, action string) {
	t.Helper()
	body := fmt.Sprintf(`{"messages":[{"role":"user","content":%q}]%s}`, prompt, fields)
	r, err := http.Post(s.api+"/v1/chat/completions", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	var answer struct {
		Choices []struct {
			Message struct {
				Content   string
				ToolCalls []struct {
					Function struct{ Name, Arguments string }
				} `json:"tool_calls"`
			}
		}
	}
	text = readBody(t, r)
	if err := json.Unmarshal([]byte(text), &answer); err != nil || r.StatusCode != http.StatusOK || len(answer.Choices) != 1 {
		t.Fatalf("%s: %s %s", body, r.Status, text)
	}
	if calls := answer.Choices[0].Message.ToolCalls; len(calls) > 0 {
		return calls[0].Function.Name + calls[0].Function.Arguments, r.Header.Get("X-Kvasir-Action")
	}
	return answer.Choices[0].Message.Content, r.Header.Get("X-Kvasir-Action")
}

func readBody(t *testing.T, r *http.Response) string {
	t.Helper()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func (s *served) ready() bool {
	r, err := http.Get(s.api + "/ready")
	if err != nil {
		return false
	}
	r.Body.Close()
	return r.StatusCode == http.StatusOK
}

// TestEndToEnd_Serve goes through the life of a server: it answers by the model, holds answers to schemas, is
// reloaded, ends in order, and serves what it stored when it starts again, even without its model.
func TestEndToEnd_Serve(t *testing.T) {
	dir := t.TempDir()
	fact, other := atlas.Facts()[0], atlas.Facts()[1]
	s := serveIn(t, dir)
	eventually(t, s.ready, func() string { return "it is not ready" })
	for _, want := range []string{"miss", "answer"} {
		if text, action := s.chat(t, fact.Prompt, ""); text != fact.Answer || action != want {
			t.Errorf("%q by %s, want %q by %s", text, action, fact.Answer, want)
		}
	}
	schema := `{"type":"object","properties":{"sure":{"type":"boolean"},"n":{"type":"integer","minimum":17,"maximum":23}},"required":["sure","n"]}`
	text, _ := s.chat(t, fact.Prompt, `,"response_format":{"type":"json_schema","json_schema":{"name":"x","schema":`+schema+`}}`)
	var got struct {
		Sure *bool
		N    int
	}
	if err := json.Unmarshal([]byte(text), &got); err != nil || got.Sure == nil || got.N < 17 || got.N > 23 {
		t.Errorf("%q does not fit the schema: %v", text, err)
	}
	call, _ := s.chat(t, "Go on.", `,"tools":[{"type":"function","function":{"name":"act","parameters":`+schema+`}}],"tool_choice":"required","parallel_tool_calls":false`)
	if arguments, ok := strings.CutPrefix(call, "act"); !ok || json.Unmarshal([]byte(arguments), &got) != nil {
		t.Errorf("call %q", call)
	}
	stats := exec.Command(os.Args[0], "stats", "--json")
	stats.Dir, stats.Env = dir, s.cmd.Env
	if out, err := stats.Output(); err != nil || !strings.Contains(string(out), `"cache.hit_exact_bytes":1`) {
		t.Errorf("kvasir stats beside it: %v, %s", err, out)
	}
	if err := os.WriteFile(filepath.Join(dir, "cache.toml"), []byte("[server]\ncontrol = false\n[cache]\nttl = \"1h\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { _, action := s.chat(t, fact.Prompt, ""); return action == "" }, func() string { return "it was not reloaded" })
	log := s.end(t, syscall.SIGTERM)
	for _, want := range []string{"kvasir: reloaded", "count after a restart: cache.ttl", "action=answer kind=exact", "path=/ready"} {
		if !strings.Contains(log, want) {
			t.Errorf("no %q in the log: %s", want, log)
		}
	}
	if strings.Contains(log, fact.Prompt) || strings.Contains(log, fact.Answer) {
		t.Errorf("the log has what was asked: %s", log)
	}

	os.Remove(filepath.Join(dir, "cache.toml"))
	models, _ := filepath.Glob(filepath.Join(dir, "cache", "models", "*.gguf"))
	gone := filepath.Join(dir, "gone.gguf")
	if len(models) != 1 || os.Rename(models[0], gone) != nil {
		t.Fatalf("models %q", models)
	}
	s = serveIn(t, dir, "-m", gone)
	eventually(t, s.ready, func() string { return "it is not ready" })
	s.end(t, syscall.SIGKILL)
	if err := os.Remove(gone); err != nil {
		t.Fatal(err)
	}
	s = serveIn(t, dir, "-m", gone)
	if text, action := s.chat(t, fact.Prompt, ""); text != fact.Answer || action != "answer" {
		t.Errorf("without the model: %q by %s", text, action)
	}
	r, err := http.Post(s.api+"/v1/chat/completions", "application/json", strings.NewReader(fmt.Sprintf(`{"messages":[{"role":"user","content":%q}]}`, other.Prompt)))
	if err != nil || r.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("what is not stored: %v, %v", r, err)
	}
	s.end(t, syscall.SIGTERM)
}
