package prochost

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin/runner"
)

// runnerProcess is one operating system process, in the form go-plugin wants. Unlike go-plugin's
// own, it gives the child a pipe as standard input, waits for its end without waiting for its output,
// and keeps its last words.
type runnerProcess struct {
	program *program
	words   lastWords

	exited  chan struct{} // closed when the process has ended
	status  string        // how it ended, such as "signal: killed"; valid after exited
	drained chan struct{} // closed by drain when all of its standard error was read
	drain   func()

	mu struct {
		sync.Mutex
		cmd       *exec.Cmd // nil until prepare
		socketDir string
		killed    bool // no Start any more
		started   bool
		pipes     pipes // our ends, open from a successful start until release
	}
}

var _ runner.Runner = (*runnerProcess)(nil)

func newRunner(what *program) *runnerProcess {
	p := &runnerProcess{program: what, exited: make(chan struct{}), drained: make(chan struct{})}
	p.drain = sync.OnceFunc(func() { close(p.drained) })
	return p
}

// prepare is go-plugin's RunnerFunc: spec carries the environment of the handshake.
func (p *runnerProcess) prepare(_ hclog.Logger, spec *exec.Cmd, socketDir string) (runner.Runner, error) {
	cmd := exec.Command(p.program.path, p.program.args...)
	cmd.Env = append(append(environment(), p.program.env...), spec.Env...)
	ownGroup(cmd)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.cmd, p.mu.socketDir = cmd, socketDir
	return p, nil
}

// pipes are our ends of the three pipes of the process.
type pipes struct {
	stdin          *os.File // never written; its end ends the process
	stdout, stderr *os.File
}

func (p *pipes) close() {
	for _, f := range []*os.File{p.stdin, p.stdout, p.stderr} {
		if f != nil {
			_ = f.Close()
		}
	}
}

// attach makes the pipes of cmd. The caller closes theirs, the child's ends, after the start.
func attach(cmd *exec.Cmd) (ours, theirs pipes, err error) {
	var errIn, errOut, errErr error
	theirs.stdin, ours.stdin, errIn = os.Pipe()
	ours.stdout, theirs.stdout, errOut = os.Pipe()
	ours.stderr, theirs.stderr, errErr = os.Pipe()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirs.stdin, theirs.stdout, theirs.stderr
	return ours, theirs, errors.Join(errIn, errOut, errErr)
}

// Start starts the process, unless it was killed before.
func (p *runnerProcess) Start(context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.killed {
		return context.Canceled
	}
	ours, theirs, err := attach(p.mu.cmd)
	defer theirs.close()
	if err == nil {
		err = p.mu.cmd.Start()
	}
	if err != nil {
		ours.close()
		return err
	}
	p.mu.pipes, p.mu.started = ours, true
	go p.reap(p.mu.cmd, ours)
	return nil
}

// drainTime bounds how long output is read after the process has ended. All of it is in the pipe by
// then; only a grandchild that holds the pipe open could make it last.
const drainTime = time.Second

// reap waits for the end of the process. It ends with the process, and release waits for it.
func (p *runnerProcess) reap(cmd *exec.Cmd, ours pipes) {
	_ = cmd.Wait() // the state says more than the error
	p.status = cmd.ProcessState.String()
	deadline := time.Now().Add(drainTime)
	_ = ours.stdout.SetReadDeadline(deadline)
	_ = ours.stderr.SetReadDeadline(deadline)
	close(p.exited)
}

// ended reports whether the process has ended.
func (p *runnerProcess) ended() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// Wait waits for the end of the process.
func (p *runnerProcess) Wait(context.Context) error {
	<-p.exited
	if p.status != "exit status 0" {
		return errors.New(p.status)
	}
	return nil
}

// Kill implements runner.Runner; it does not wait.
func (p *runnerProcess) Kill(context.Context) error {
	p.kill()
	return nil
}

// kill ends the process at once, or keeps it from starting.
func (p *runnerProcess) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.killed = true
	if p.mu.started {
		_ = p.mu.cmd.Process.Kill() // fails only if it has ended
	}
}

// release waits for the end of the process and gives back what it used. The process must have been
// killed or asked to stop, and go-plugin must have stopped reading.
func (p *runnerProcess) release() {
	p.mu.Lock()
	started, socketDir, ours := p.mu.started, p.mu.socketDir, p.mu.pipes
	p.mu.pipes = pipes{}
	p.mu.Unlock()
	if started {
		<-p.exited
		ours.close()
	}
	if socketDir != "" {
		_ = os.RemoveAll(socketDir)
	}
}

// socketDir returns the folder of the process's socket, or "" before prepare.
func (p *runnerProcess) socketDir() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.socketDir
}

// pid returns the process id, or 0 before the start.
func (p *runnerProcess) pid() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.mu.started {
		return 0
	}
	return p.mu.cmd.Process.Pid
}

// ID returns the process id, or "" before the start.
func (p *runnerProcess) ID() string {
	if pid := p.pid(); pid != 0 {
		return strconv.Itoa(pid)
	}
	return ""
}

// Name returns the path of the program.
func (p *runnerProcess) Name() string { return p.program.path }

// Diagnose returns nothing: the error of a failed start quotes the process itself.
func (p *runnerProcess) Diagnose(context.Context) string { return "" }

// Stdout returns the line of the handshake.
func (p *runnerProcess) Stdout() io.ReadCloser {
	p.mu.Lock()
	defer p.mu.Unlock()
	return &firstLine{File: p.mu.pipes.stdout}
}

// Stderr returns the process's log.
func (p *runnerProcess) Stderr() io.ReadCloser {
	p.mu.Lock()
	defer p.mu.Unlock()
	return &listener{File: p.mu.pipes.stderr, words: &p.words, end: p.drain}
}

// PluginToHost returns the address unchanged: both processes see the same files.
func (p *runnerProcess) PluginToHost(network, address string) (string, string, error) {
	return network, address, nil
}

// HostToPlugin returns the address unchanged.
func (p *runnerProcess) HostToPlugin(network, address string) (string, string, error) {
	return network, address, nil
}
