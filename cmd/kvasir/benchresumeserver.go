package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"time"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/bench"
)

// slotServer is a llama-server of one slot, whose state it saves to files and restores from them. It is started
// with the settings of the inference host that it is compared with.
type slotServer struct {
	process *exec.Cmd
	ended   chan struct{}
	dir     string // of the files
	base    string // URL
}

var _ bench.ResumeArm = (*slotServer)(nil)

// inferenceLog is where programs beside kvasir write their logs.
func (o *benchResume) inferenceLog() io.Writer {
	if o.verbose {
		return o.err
	}
	return io.Discard
}

// startSlots starts a llama-server and returns when it has loaded the model.
func startSlots(ctx context.Context, program, model string, info *base.Info, log io.Writer) (*slotServer, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	s := &slotServer{base: fmt.Sprintf("http://127.0.0.1:%d", port), ended: make(chan struct{})}
	if s.dir, err = os.MkdirTemp("", "kvasir-slots-*"); err != nil {
		return nil, err
	}
	// The inference host lowers its own priority as much; the two are to be equal on a busy machine.
	s.process = exec.Command("nice", append([]string{"-n", "5", program}, slotArguments(model, s.dir, port, info)...)...)
	s.process.Stdout, s.process.Stderr = log, log
	s.process.Env = append(os.Environ(), "OMP_WAIT_POLICY=passive") // as kvasir-llama sets it for itself
	if err := s.process.Start(); err != nil {
		os.RemoveAll(s.dir)
		return nil, fmt.Errorf("llama-server: %w", err)
	}
	go func() {
		s.process.Wait()
		close(s.ended)
	}()
	if err := s.ready(ctx); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// slotArguments say to load the model as the inference host did, and to keep nothing in memory but the slot.
func slotArguments(model, dir string, port int, info *base.Info) []string {
	r, flash := &info.Runtime, "off"
	if r.FlashAttention {
		flash = "on"
	}
	return []string{
		"-m", model, "-c", strconv.Itoa(r.Context), "-np", "1", "-t", strconv.Itoa(r.Threads), "-tb", strconv.Itoa(r.BatchThreads),
		"-ctk", r.KVTypeK, "-ctv", r.KVTypeV, "-fa", flash, "--fit", "off", "--cache-ram", "0", "--no-webui",
		"--slot-save-path", dir + "/", "--host", "127.0.0.1", "--port", strconv.Itoa(port),
	}
}

// freePort returns a port that nobody listens at now.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// close stops the server and waits for it.
func (s *slotServer) close() {
	s.process.Process.Kill()
	<-s.ended
	os.RemoveAll(s.dir)
}

const (
	readyPatience = 5 * time.Minute
	readyStep     = 50 * time.Millisecond
)

// ready waits until the model is loaded.
func (s *slotServer) ready(ctx context.Context) error {
	late := time.After(readyPatience)
	for {
		if err := s.call(ctx, http.MethodGet, "/health", nil, nil); err == nil {
			return nil
		}
		select {
		case <-s.ended:
			return fmt.Errorf("llama-server: %s; -v shows its log", s.process.ProcessState)
		case <-late:
			return fmt.Errorf("llama-server: it was not ready in %s", readyPatience)
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(readyStep):
		}
	}
}

// call sends a request and decodes its answer.
func (s *slotServer) call(ctx context.Context, method, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, method, s.base+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return fmt.Errorf("llama-server: %w", err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	switch {
	case err != nil:
		return fmt.Errorf("llama-server: %w", err)
	case answer.StatusCode != http.StatusOK:
		return fmt.Errorf("llama-server: %s: %s: %.200q", path, answer.Status, text)
	case out == nil:
		return nil
	}
	return json.Unmarshal(text, out)
}

// complete asks for one token behind a prompt.
func (s *slotServer) complete(ctx context.Context, prompt []base.Token) (bench.FirstToken, error) {
	var out struct {
		Timings struct {
			Cached  int     `json:"cache_n"`
			Prefill float64 `json:"prompt_ms"`
		} `json:"timings"`
	}
	began := time.Now()
	err := s.call(ctx, http.MethodPost, "/completion", map[string]any{
		"prompt": prompt, "n_predict": 1, "cache_prompt": true, "temperature": 0, "id_slot": 0,
	}, &out)
	return bench.FirstToken{
		Took: time.Since(began), Restored: out.Timings.Cached, Prefill: time.Duration(out.Timings.Prefill * float64(time.Millisecond)),
	}, err
}

// slot has something done with the slot.
func (s *slotServer) slot(ctx context.Context, action, name string) (bytes int64, err error) {
	var out struct {
		Written int64 `json:"n_written"`
	}
	err = s.call(ctx, http.MethodPost, "/slots/0?action="+action, map[string]string{"filename": name}, &out)
	return out.Written, err
}

func (s *slotServer) Cold(ctx context.Context, prompt []base.Token) (bench.FirstToken, error) {
	if _, err := s.slot(ctx, "erase", ""); err != nil {
		return bench.FirstToken{}, err
	}
	return s.complete(ctx, prompt)
}

func (s *slotServer) Save(ctx context.Context, name string) (int64, error) {
	bytes, err := s.slot(ctx, "save", name)
	if err == nil && bytes == 0 {
		err = errors.New("llama-server: it saved nothing")
	}
	return bytes, err
}

func (s *slotServer) Resume(ctx context.Context, name string, prompt []base.Token) (bench.FirstToken, error) {
	if _, err := s.slot(ctx, "erase", ""); err != nil {
		return bench.FirstToken{}, err
	}
	began := time.Now()
	if _, err := s.slot(ctx, "restore", name); err != nil {
		return bench.FirstToken{}, err
	}
	restore := time.Since(began)
	first, err := s.complete(ctx, prompt)
	first.Restore = restore
	first.Took = time.Since(began)
	return first, err
}
