package prochost

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/hosttest"
	"github.com/kvasir-cache/kvasir/internal/hosttest/testproc"
)

func TestMain(m *testing.M) {
	testproc.Main()
	pluginMain()
	parentMain()
	os.Exit(m.Run())
}

// setup is what a test needs around a Host.
type setup struct {
	options Options
	dir     string // holds the model and nothing else
	sockets string
	log     *logWatch
}

// newSetup returns options for a fake host with two slots.
func newSetup(t *testing.T) *setup {
	t.Helper()
	s := &setup{dir: t.TempDir(), log: newLogWatch()}
	sockets, err := os.MkdirTemp("", "kv") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(sockets) })
	s.sockets = sockets
	s.writeModel(t, testproc.Model{Name: "one"})
	path, env, err := testproc.Command()
	if err != nil {
		t.Fatal(err)
	}
	s.options = Options{
		Path: path, Env: env, SocketDir: sockets, Stderr: s.log,
		Load: base.LoadOptions{Model: s.model()},
	}
	return s
}

func (s *setup) model() string { return filepath.Join(s.dir, "model") }

func (s *setup) writeModel(t *testing.T, m testproc.Model) {
	t.Helper()
	if err := testproc.WriteModel(s.model(), m); err != nil {
		t.Fatal(err)
	}
}

// open opens the host and closes it when the test ends.
func (s *setup) open(t *testing.T) *Host {
	t.Helper()
	h, err := Open(t.Context(), s.options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

// socketsLeft returns what is in the socket folder.
func (s *setup) socketsLeft(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(s.sockets)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// logWatch is a log that a test can wait for.
type logWatch struct {
	mu      sync.Mutex
	changed *sync.Cond
	text    strings.Builder
}

func newLogWatch() *logWatch {
	l := &logWatch{}
	l.changed = sync.NewCond(&l.mu)
	return l
}

func (l *logWatch) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.changed.Broadcast()
	return l.text.Write(b)
}

// await waits until the log contains text.
func (l *logWatch) await(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for !strings.Contains(l.text.String(), text) {
		l.changed.Wait()
	}
}

// manualClock is a clock whose waits end when the test says so.
type manualClock struct {
	waits chan manualWait

	mu  sync.Mutex
	now time.Time
}

type manualWait struct {
	delay time.Duration
	fire  chan time.Time
}

func newManualClock() *manualClock {
	return &manualClock{waits: make(chan manualWait, 100), now: time.Unix(1e9, 0)}
}

func (c *manualClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *manualClock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func (c *manualClock) After(d time.Duration) <-chan time.Time {
	w := manualWait{d, make(chan time.Time, 1)}
	c.waits <- w
	return w.fire
}

// pass ends the wait w.
func (c *manualClock) pass(w manualWait) {
	c.advance(w.delay)
	w.fire <- c.Now()
}

// kill kills the process that serves now and returns its id.
func kill(t *testing.T, h *Host) int {
	t.Helper()
	pid := h.Status().PID
	if pid == 0 {
		t.Fatal("no process serves")
	}
	p, err := os.FindProcess(pid)
	if err == nil {
		err = p.Kill()
	}
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// ask sends a prompt and discards the chunks.
func ask(ctx context.Context, h *Host, prompt string) (*base.Result, error) {
	return h.Generate(ctx, &base.Request{Prompt: prompt}, func(base.Chunk) error { return nil })
}

// mustAnswer fails the test unless h answers.
func mustAnswer(t *testing.T, h *Host, prompt string) {
	t.Helper()
	if r, err := ask(t.Context(), h, prompt); err != nil || r.Text != hosttest.Answer(prompt) {
		t.Errorf("answer %+v, %v; want %q", r, err, hosttest.Answer(prompt))
	}
}

// hang starts a generation that never ends by itself. It returns, with the channel of its error,
// after its first chunk.
func hang(t *testing.T, h *Host, prompt string) <-chan error {
	t.Helper()
	running := make(chan struct{})
	result := make(chan error, 1)
	go func() {
		_, err := h.Generate(t.Context(), &base.Request{Prompt: prompt + hosttest.HangPrompt},
			func(base.Chunk) error { close(running); return nil })
		result <- err
	}()
	select {
	case <-running:
	case err := <-result:
		t.Fatalf("the generation ended: %v", err)
	}
	return result
}

// parentVariable makes the test binary a parent of a host, for tests that need one to kill.
const parentVariable = "KVASIR_TEST_PARENT"

// parentMain plays the parent if it was asked to: it opens a host on the model and the socket folder
// that its arguments name, prints the host's process id, and then does what the variable says.
func parentMain() {
	role := os.Getenv(parentVariable)
	if role == "" {
		return
	}
	if role == "plugin" {
		parentOfPlugin()
	}
	path, env, err := testproc.Command()
	must(err)
	h, err := Open(context.Background(), Options{
		Path: path, Env: env, SocketDir: os.Args[2], Load: base.LoadOptions{Model: os.Args[1], Parallel: 3},
	})
	must(err)
	switch role {
	case "idle":
		fmt.Println(h.Status().PID)
		select {}
	case "busy":
		keepBusy(h)
		fmt.Println(h.Status().PID)
		select {}
	case "read":
		_, err = ask(context.Background(), h, "hello")
		must(err)
		text, err := io.ReadAll(os.Stdin)
		must(err)
		fmt.Printf("read %q\n", text)
		must(h.Close())
	}
	os.Exit(0)
}

// parentOfPlugin opens a plugin, keeps it busy, prints its process id, and waits.
func parentOfPlugin() {
	p, err := OpenPlugin(context.Background(), PluginOptions{
		Name: "test", Path: must1(os.Executable()), Env: []string{pluginVariable + "=serve"},
		SocketDir: os.Args[2], BatchDeadline: time.Hour,
	})
	must(err)
	go p.Score(context.Background(), "hang", []string{"x"})
	_, err = p.Normalize(context.Background(), "ready")
	must(err)
	fmt.Println(p.Status().PID)
	select {}
}

func must1[T any](v T, err error) T {
	must(err)
	return v
}

// keepBusy keeps every slot of h computing.
func keepBusy(h *Host) {
	var running sync.WaitGroup
	for range 3 {
		running.Add(1)
		go h.Generate(context.Background(), &base.Request{Prompt: hosttest.BusyPrompt},
			func(base.Chunk) error { running.Done(); return nil })
	}
	running.Wait()
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
