//go:build linux && !llama && !race

package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"
)

// serverToKill is a kvasir serve that is killed.
type serverToKill struct {
	t   *testing.T
	cmd *exec.Cmd
	log *bufio.Reader
}

func startToKill(t *testing.T, dir string) *serverToKill {
	t.Helper()
	s := &serverToKill{t: t, cmd: quietKvasir(dir, "serve", "--listen", "127.0.0.1:0", "--admin", "off")}
	out, err := s.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.log = bufio.NewReader(out)
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.cmd.Process.Kill() })
	return s
}

// serving waits until it serves, and returns where.
func (s *serverToKill) serving() string {
	s.t.Helper()
	for said := ""; ; {
		line, err := s.log.ReadString('\n')
		if said += line; err != nil {
			s.t.Fatalf("it does not serve: %v: %s", err, said)
		}
		if _, url, ok := strings.Cut(line, " at http://"); ok {
			go func() { _, _ = io.Copy(io.Discard, s.log) }()
			return "http://" + strings.TrimSpace(url) + "/chat/completions"
		}
	}
}

func (s *serverToKill) kill() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

// clientOf asks a server at a URL.
type clientOf struct {
	http *http.Client
	url  string
}

// saying is what a server answered, whole.
type saying struct {
	status int
	text   string
}

// errCut is an answer that is not whole.
var errCut = errors.New("the answer is not whole")

// ask returns an error unless an answer came whole. onlyStored asks for a stored one.
func (c *clientOf) ask(prompt string, stream, onlyStored bool) (a saying, err error) {
	body := fmt.Sprintf(`{"messages":[{"role":"user","content":%q}],"stream":%t}`, prompt, stream)
	q, err := http.NewRequest(http.MethodPost, c.url, strings.NewReader(body))
	if err != nil {
		return a, err
	}
	q.Header.Set("Content-Type", "application/json")
	if onlyStored {
		q.Header.Set("Cache-Control", "only-if-cached")
	}
	r, err := c.http.Do(q)
	if err != nil {
		return a, err
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	a = saying{r.StatusCode, string(text)}
	if err == nil && r.StatusCode == http.StatusOK {
		a.text, err = textOf(a.text, stream)
	}
	return a, err
}

// textOf returns the text of an answer, which in a stream ends with [DONE].
func textOf(body string, stream bool) (text string, err error) {
	lines := []string{body}
	if stream {
		events, ok := strings.CutSuffix(body, "data: [DONE]\n\n")
		if !ok {
			return "", errCut
		}
		lines = strings.Split(strings.TrimSuffix(events, "\n\n"), "\n\n")
	}
	for _, line := range lines {
		var part struct {
			Choices []struct{ Message, Delta struct{ Content string } }
		}
		if err := json.Unmarshal([]byte(strings.TrimPrefix(line, "data: ")), &part); err != nil {
			return "", fmt.Errorf("%w: %w in %q", errCut, err, line)
		}
		for _, c := range part.Choices {
			text += c.Message.Content + c.Delta.Content
		}
	}
	return text, nil
}
