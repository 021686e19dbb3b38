package main

import (
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/hostapi"
	"github.com/kvasir-cache/kvasir/internal/prochost"
)

// program is the plugin as go build makes it.
var program string

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "kv")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "plugin")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		panic(string(out))
	}
	return m.Run()
}

func open(t testing.TB, o prochost.PluginOptions) *prochost.Plugin {
	t.Helper()
	o.Name, o.Path, o.RestartWait = "sample", program, time.Minute
	o.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	p, err := prochost.OpenPlugin(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// patient are options for a machine that is busy with other tests.
var patient = prochost.PluginOptions{Deadline: time.Minute, BatchDeadline: time.Minute}

func TestNormalize_FollowsTheVectors(t *testing.T) {
	p := open(t, patient)
	for _, v := range vectors[struct{ In, Out string }](t, "normalize.json") {
		got, err := p.Normalize(t.Context(), v.In)
		if err != nil || got != v.Out {
			t.Errorf("normal form of %q is %q, %v; want %q", v.In, got, err, v.Out)
		}
		if again, err := p.Normalize(t.Context(), got); err != nil || again != got {
			t.Errorf("normal form of the normal form %q is %q, %v", got, again, err)
		}
	}
}

func TestScore_FollowsTheVectors(t *testing.T) {
	p := open(t, patient)
	for _, v := range vectors[struct {
		Query, Candidate string
		Score            float32
	}](t, "score.json") {
		there, errThere := p.Score(t.Context(), v.Query, []string{v.Candidate})
		back, errBack := p.Score(t.Context(), v.Candidate, []string{v.Query})
		if err := errors.Join(errThere, errBack); err != nil {
			t.Fatal(err)
		}
		if there[0] != v.Score || back[0] != v.Score {
			t.Errorf("%q and %q score %v, the other way round %v; want %v", v.Query, v.Candidate, there[0], back[0], v.Score)
		}
	}
}

func vectors[V any](t *testing.T, name string) []V {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	var v []V
	if err := json.Unmarshal(data, &v); err != nil || len(v) == 0 {
		t.Fatalf("%s: %d vectors, %v", name, len(v), err)
	}
	return v
}

func TestManifest_SaysWhatItDoes(t *testing.T) {
	m := open(t, patient).Manifest()
	if want := []hostapi.Role{hostapi.RoleNormalize, hostapi.RoleScore}; !reflect.DeepEqual(m.Roles, want) || m.Scorer.Class != hostapi.ClassRerank {
		t.Errorf("manifest %+v; want roles %q and class rerank", m, want)
	}
}

func TestConfig_IsChecked(t *testing.T) {
	for config, want := range map[string]string{`{"delay_ms":-1}`: "delay_ms is -1", `{"delay_ms":"x"}`: "config: json"} {
		_, err := prochost.OpenPlugin(t.Context(), prochost.PluginOptions{Name: "sample", Path: program, Config: []byte(config)})
		if !errors.Is(err, hostapi.ErrLoad) || !strings.Contains(err.Error(), want) {
			t.Errorf("config %s: %v; want ErrLoad with %q", config, err, want)
		}
	}
}

func TestDeadline_EndsASlowCall(t *testing.T) {
	p := open(t, prochost.PluginOptions{
		Config: []byte(`{"delay_ms":60000}`), Deadline: 20 * time.Millisecond, Patience: time.Minute,
	})
	if _, err := p.Normalize(t.Context(), "x"); !errors.Is(err, hostapi.ErrBudget) {
		t.Errorf("error %v; want ErrBudget", err)
	}
	if n := p.Status().Deaths; n != 0 {
		t.Errorf("%d deaths; a plugin that watches its context is not killed", n)
	}
}

func TestKill_FailsTheCallAndNotTheNext(t *testing.T) {
	slow := patient
	slow.Config = []byte(`{"delay_ms":300}`)
	p := open(t, slow)
	result := make(chan error, 1)
	go func() {
		_, err := p.Score(t.Context(), "x", make([]string, hostapi.MaxCandidates)) // two and a half minutes
		result <- err
	}()
	time.Sleep(300 * time.Millisecond) // to let it begin
	kill(t, p)
	if err := <-result; !errors.Is(err, hostapi.ErrTrap) {
		t.Errorf("the call in flight: %v; want ErrTrap", err)
	}
	if got, err := p.Normalize(t.Context(), " Next  ONE "); err != nil || got != "next one" {
		t.Errorf("the next call: %q, %v", got, err)
	}
}

func kill(t *testing.T, p *prochost.Plugin) {
	t.Helper()
	process, err := os.FindProcess(p.Status().PID)
	if err == nil {
		err = process.Kill()
	}
	if err != nil {
		t.Fatal(err)
	}
	for p.Status().Deaths == 0 {
		time.Sleep(time.Millisecond)
	}
}

// BenchmarkNormalize is the cost of a call to the process and back.
func BenchmarkNormalize(b *testing.B) {
	p := open(b, prochost.PluginOptions{})
	text := strings.Repeat("What is the capital of Norway? ", 6) // 186 bytes
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Normalize(b.Context(), text); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkScore scores 1,000 candidates of 62 bytes, which are two batches. "native" does the same
// without a process.
func BenchmarkScore(b *testing.B) {
	query := "How do I rename a local branch in git without losing history?!"
	candidates := make([]string, 1000)
	for i := range candidates {
		candidates[i] = query[i%31:] + query[:i%31]
	}
	b.Run("process", func(b *testing.B) {
		p := open(b, patient)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := p.Score(b.Context(), query, candidates); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("native", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			score(query, candidates)
		}
	})
}
