package prochost

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/hostapi"
	pb "github.com/kvasir-cache/kvasir/hostapi/process/pluginpb"
	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/hosttest/testproc"
)

func TestPlugin_AnswersThroughItsProcess(t *testing.T) {
	t.Parallel()
	p := newPluginSetup(t, "serve").open(t)
	ctx := t.Context()
	mustNormalize(t, p, "hello")
	mustNormalize(t, p, "")
	if scores, err := p.Score(ctx, "q", []string{"", "abc"}); err != nil || !reflect.DeepEqual(scores, []float32{1, 0.25}) {
		t.Errorf("scores %v, %v", scores, err)
	}
	if scores, err := p.Score(ctx, "q", nil); err != nil || len(scores) != 0 {
		t.Errorf("scores of nothing: %v, %v", scores, err)
	}
	if sets, err := p.Features(ctx, []string{"ab", ""}); err != nil || !reflect.DeepEqual(sets, [][]uint64{{'a', 'b'}, {}}) {
		t.Errorf("features %v, %v", sets, err)
	}
	if e, err := p.Explain(ctx, "a", "b"); err != nil || e.Reason != "a is not b" {
		t.Errorf("explanation %v, %v", e, err)
	}
	want := []hostapi.Role{hostapi.RoleNormalize, hostapi.RoleFeatures, hostapi.RoleScore, hostapi.RoleOnStore}
	if m := p.Manifest(); m.Name != "acme" || !reflect.DeepEqual(m.Roles, want) {
		t.Errorf("manifest %+v", m)
	}
	if s := p.Status(); s.PID == 0 || s.PID == os.Getpid() || s.Deaths != 0 {
		t.Errorf("status %+v", s)
	}
}

func TestPlugin_AsksHooks(t *testing.T) {
	t.Parallel()
	p := newPluginSetup(t, "serve").open(t)
	ask := func(hook hostapi.Role, prompt string) (*hostapi.Decision, error) {
		return p.Hook(t.Context(), &hostapi.Event{Hook: hook, Request: hostapi.Request{Prompt: prompt}})
	}
	if d, err := ask(hostapi.RoleOnStore, "forget"); err != nil || d == nil || *d.Store || d.Reason != "it was asked to" {
		t.Errorf("decision %+v, %v; want not to store", d, err)
	}
	if d, err := ask(hostapi.RoleOnStore, "keep"); err != nil || d != nil {
		t.Errorf("decision %+v, %v; want no opinion", d, err)
	}
	if d, err := ask(hostapi.RoleOnStore, "wrong"); !errors.Is(err, hostapi.ErrOutput) || d != nil {
		t.Errorf("decision of another hook: %+v, %v; want ErrOutput", d, err)
	}
	if _, err := ask(hostapi.RoleOnHit, "x"); !errors.Is(err, hostapi.ErrRole) {
		t.Errorf("a hook that the plugin has not: %v; want ErrRole", err)
	}
}

func TestPlugin_SplitsBatches(t *testing.T) {
	t.Parallel()
	p := newPluginSetup(t, "serve").open(t)
	many := repeat("x", 2*hostapi.MaxCandidates+1)
	many[hostapi.MaxCandidates] = "xyz" // the first of the second batch
	scores, err := p.Score(t.Context(), "q", many)
	if err != nil || len(scores) != len(many) || scores[hostapi.MaxCandidates-1] != 0.5 || scores[hostapi.MaxCandidates] != 0.25 {
		t.Errorf("%d scores, %v; want %d in order", len(scores), err, len(many))
	}
	large := repeat(strings.Repeat("x", hostapi.MaxText), 33) // 33 MiB do not fit into a frame
	if scores, err := p.Score(t.Context(), "q", large); err != nil || len(scores) != len(large) {
		t.Errorf("%d scores of large texts, %v", len(scores), err)
	}
	if sets, err := p.Features(t.Context(), many); err != nil || len(sets) != len(many) || len(sets[hostapi.MaxCandidates]) != 3 {
		t.Errorf("%d sets, %v", len(sets), err)
	}
}

func TestInBatches_FillsFrames(t *testing.T) {
	texts := append(repeat(strings.Repeat("x", hostapi.MaxText), 40), repeat("", 1000)...)
	var sizes []int
	_, err := inBatches(texts, 12+hostapi.MaxText, func(batch []string, size int) ([]int, error) {
		frame := hostapi.AppendScoreFrame(nil, strings.Repeat("q", hostapi.MaxText), batch)
		if len(frame) != size || size > hostapi.MaxFrame {
			t.Errorf("a frame of %d bytes; want %d, at most %d", len(frame), size, hostapi.MaxFrame)
		}
		sizes = append(sizes, len(batch))
		return make([]int, len(batch)), nil
	})
	if err != nil || !reflect.DeepEqual(sizes, []int{30, 512, 498}) {
		t.Errorf("batches of %v, %v", sizes, err)
	}
}

func TestPlugin_CallerErrorsAreNotThePlugins(t *testing.T) {
	t.Parallel()
	p := newPluginSetup(t, "serve").open(t)
	ctx := t.Context()
	for name, text := range map[string]string{"long": strings.Repeat("x", hostapi.MaxText+1), "no UTF-8": "\xff"} {
		_, errNormalize := p.Normalize(ctx, text)
		_, errQuery := p.Score(ctx, text, []string{"x"})
		_, errCandidate := p.Score(ctx, "x", []string{"x", text})
		_, errFeatures := p.Features(ctx, []string{text})
		_, errExplain := p.Explain(ctx, "x", text)
		for _, err := range []error{errNormalize, errQuery, errCandidate, errFeatures, errExplain} {
			if !errors.Is(err, base.ErrInvalid) {
				t.Errorf("%s text: %v; want ErrInvalid", name, err)
			}
		}
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := p.Normalize(cancelled, "x"); err != context.Canceled {
		t.Errorf("cancelled: %v", err)
	}
	short, cancel := context.WithTimeout(ctx, 30*time.Millisecond)
	defer cancel()
	if _, err := p.Normalize(short, "sleep 300ms"); err != context.DeadlineExceeded {
		t.Errorf("the caller's deadline: %v", err)
	}
	if n := p.Status().Deaths; n != 0 {
		t.Errorf("%d deaths of callers' errors", n)
	}
}

func TestPlugin_ErrorsSayWhatThePluginDid(t *testing.T) {
	t.Parallel()
	p := newPluginSetup(t, "serve").open(t)
	normalize := func(text string) error { _, err := p.Normalize(t.Context(), text); return err }
	score := func(query string) error { _, err := p.Score(t.Context(), query, []string{"x"}); return err }
	features := func(text string) error { _, err := p.Features(t.Context(), []string{text}); return err }
	for _, c := range []struct {
		err  error
		want error
		text string
	}{
		{normalize("fail no luck today"), hostapi.ErrFailed, `plugin "acme": the plugin reported an error: no luck today`},
		{normalize("panic at the disco"), hostapi.ErrTrap, `plugin "acme": the plugin crashed: at the disco`},
		{normalize("invalid"), hostapi.ErrOutput, "not valid UTF-8"},
		{normalize("long"), hostapi.ErrOutput, "1048577 bytes"},
		{score("two"), hostapi.ErrOutput, "number 0 is 2"},
		{score("few"), hostapi.ErrOutput, "0 for 1 candidates"},
		{features("ba"), hostapi.ErrOutput, "ascending"},
	} {
		if !errors.Is(c.err, c.want) || !strings.Contains(c.err.Error(), c.text) {
			t.Errorf("error %v; want %v with %q", c.err, c.want, c.text)
		}
	}
	mustNormalize(t, p, "still there")
	if n := p.Status().Deaths; n != 0 {
		t.Errorf("%d deaths of errors", n)
	}
}

// What a Go plugin checks before it sends is checked here again, since plugins need not be in Go.
func TestPlugin_ChecksWhatItGets(t *testing.T) {
	t.Parallel()
	s := newPluginSetup(t, "raw")
	roles := []string{"normalize", "score", "features", "on_evict", "on_hit"}
	s.configure(t, &pb.InitResponse{Version: hostapi.Version, Roles: roles, Explain: true})
	p := s.open(t)
	ctx := t.Context()
	_, errNormalize := p.Normalize(ctx, "x")
	_, errScore := p.Score(ctx, "x", []string{"x"})
	_, errFeatures := p.Features(ctx, []string{"x"})
	_, errHook := p.Hook(ctx, &hostapi.Event{Hook: hostapi.RoleOnEvict})
	_, errExplain := p.Explain(ctx, "x", "y")
	for i, err := range []error{errNormalize, errScore, errFeatures, errHook, errExplain} {
		if !errors.Is(err, hostapi.ErrOutput) {
			t.Errorf("answer %d: %v; want ErrOutput", i, err)
		}
	}
}

func TestOpenPlugin_RefusesWhatDoesNotDescribeItself(t *testing.T) {
	t.Parallel()
	for want, answer := range map[string]*pb.InitResponse{
		"version 2.0":                {Version: 2 << 16, Roles: []string{"score"}},
		"version 1.1":                {Version: 1<<16 | 1, Roles: []string{"score"}},
		"no function for any role":   {Version: hostapi.Version, Roles: []string{"juggle"}},
		"manifest: unexpected EOF":   {Version: hostapi.Version, Roles: []string{"score"}, Manifest: []byte("{")},
		`roles[0] is "normalize"`:    {Version: hostapi.Version, Roles: []string{"score"}, Manifest: []byte(`{"roles":["normalize"]}`)},
		"scorer.class is \"\", want": {Version: hostapi.Version, Roles: []string{"score"}, Manifest: []byte(`{"scorer":{}}`)},
	} {
		s := newPluginSetup(t, "raw")
		s.configure(t, answer)
		if err := s.openFails(t); !strings.Contains(err.Error(), want) {
			t.Errorf("error %q; want %q", err, want)
		}
	}
}

func TestOpenPlugin_SaysWhyInitFailed(t *testing.T) {
	t.Parallel()
	for reason, want := range map[string]string{
		"no model": "the plugin cannot be loaded: no model",
		"exit":     "the program stopped while it was initialised (exit status 3): panic: no model here",
	} {
		s := newPluginSetup(t, "serve")
		s.configure(t, testConfig{Fail: reason})
		if err := s.openFails(t); !strings.HasSuffix(err.Error(), want) {
			t.Errorf("error %q; want %q", err, want)
		}
	}
}

func TestOpenPlugin_GivesInitItsTime(t *testing.T) {
	t.Parallel()
	s := newPluginSetup(t, "serve")
	s.configure(t, testConfig{Hang: true})
	s.options.InitTime = 3 * time.Second // for a handshake on a busy machine too
	if err := s.openFails(t); !strings.Contains(err.Error(), "not ready after 3s") {
		t.Errorf("error %q", err)
	}
}

func TestOpenPlugin_EndsWithItsContext(t *testing.T) {
	t.Parallel()
	s := newPluginSetup(t, "serve")
	s.configure(t, testConfig{Hang: true})
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := OpenPlugin(ctx, s.options); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	s.mustBeTidy(t)
}

// It is not parallel: a program that was just written cannot be started while another test forks.
func TestOpenPlugin_SaysWhatIsNoPlugin(t *testing.T) {
	script := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho '1|1|unix|/nowhere|netrpc|'\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	hostPath, hostEnv, err := testproc.Command()
	if err != nil {
		t.Fatal(err)
	}
	for want, o := range map[string]PluginOptions{
		"without a handshake":                           {Path: "/bin/true"},
		"this program is an inference host, and kvasir": {Path: hostPath, Env: hostEnv},
		"Welcome to my plugin!":                         {Path: hostPath, Env: []string{pluginVariable + "=garbage"}},
		"netrpc":                                        {Path: script},
		"no such file":                                  {Path: filepath.Join(t.TempDir(), "absent")},
		"timeout while waiting":                         {Path: "/bin/sleep", Args: []string{"60"}, InitTime: time.Second},
	} {
		s := newPluginSetup(t, "")
		s.options.Path, s.options.Args, s.options.Env = o.Path, o.Args, o.Env
		s.options.InitTime = o.InitTime
		err := s.openFails(t)
		if !strings.Contains(err.Error(), want) || base.Hint(err) == "" {
			t.Errorf("program %q: error %q, hint %q; want %q", o.Path, err, base.Hint(err), want)
		}
	}
}

func TestOpen_SaysThatAPluginIsNoHost(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	s.options.Env = []string{pluginVariable + "=serve"}
	err := openFails(t, t.Context(), s)
	if !errors.Is(err, base.ErrUnavailable) || !strings.Contains(err.Error(), "this program is a process plugin, and kvasir started it as an inference host") {
		t.Errorf("error %q", err)
	}
}

func TestOpenPlugin_ReportsEveryBadOption(t *testing.T) {
	t.Parallel()
	_, err := OpenPlugin(t.Context(), PluginOptions{
		SocketDir: "/" + strings.Repeat("x", 200), Config: []byte("null"), Deadline: -1, Calls: -1,
	})
	for _, want := range []string{"no name", "no path", "no JSON object", "limit is -1ns", "-1 calls", "at most 65"} {
		if !errors.Is(err, base.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("error %q; want %q", err, want)
		}
	}
}
