package prochost

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kvasir-cache/kvasir/hostapi"
)

// startParent starts a parent process in a role, on s.
func startParent(t *testing.T, s *setup, role string, stdin io.Reader) (*exec.Cmd, *bufio.Reader) {
	t.Helper()
	cmd := exec.Command(s.options.Path, s.model(), s.sockets)
	cmd.Env = append(os.Environ(), parentVariable+"="+role)
	cmd.Stdin = stdin
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	return cmd, bufio.NewReader(stdout)
}

// killParent starts a parent with a host, kills it, and returns how the host ended. This process is
// the reaper of orphans, so it is told.
func killParent(t *testing.T, s *setup, role string) syscall.WaitStatus {
	t.Helper()
	parent, stdout := startParent(t, s, role, nil)
	line, err := stdout.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	host, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(host, &status, 0, nil); err != nil {
		t.Fatalf("waiting for host %d: %v", host, err)
	}
	return status
}

func TestHost_DoesNotOutliveItsParent(t *testing.T) {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		t.Skipf("cannot reap orphans: %v", err)
	}
	s := newSetup(t)
	for i := range 6 {
		role := []string{"idle", "busy"}[i%2]
		if status := killParent(t, s, role); !status.Exited() || status.ExitStatus() != 0 {
			t.Errorf("%s host ended with %v", role, status)
		}
		if left := s.socketsLeft(t); len(left) > 0 {
			t.Errorf("%s host left behind: %q", role, left)
		}
	}
}

func TestPlugin_DoesNotOutliveItsParent(t *testing.T) {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		t.Skipf("cannot reap orphans: %v", err)
	}
	s := newSetup(t)
	if status := killParent(t, s, "plugin"); !status.Exited() || status.ExitStatus() != 0 {
		t.Errorf("the plugin ended with %v", status)
	}
	if left := s.socketsLeft(t); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestPlugin_KillsAProcessThatIsStopped(t *testing.T) {
	t.Parallel()
	s := newPluginSetup(t, "serve")
	s.options.Deadline, s.options.Patience = 50*time.Millisecond, 100*time.Millisecond
	p := s.open(t)
	c := serving(t, p)
	if err := syscall.Kill(c.process.pid(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Normalize(t.Context(), "x"); !errors.Is(err, hostapi.ErrBudget) {
		t.Errorf("error %v; want ErrBudget", err)
	}
	<-c.gone
	serving(t, p)
}

func TestHost_LeavesStandardInputToItsParent(t *testing.T) {
	s := newSetup(t)
	parent, stdout := startParent(t, s, "read", strings.NewReader("the prompt"))
	out, err := io.ReadAll(stdout)
	if err != nil || string(out) != "read \"the prompt\"\n" {
		t.Errorf("the parent said %q, %v", out, err)
	}
	if err := parent.Wait(); err != nil {
		t.Error(err)
	}
}

func TestHost_IsOutOfReachOfTheTerminal(t *testing.T) {
	t.Parallel()
	h := newSetup(t).open(t)
	pid := h.Status().PID
	group, err := syscall.Getpgid(pid)
	if err != nil || group != pid || group == syscall.Getpgrp() {
		t.Errorf("process %d is in group %d, %v; want its own", pid, group, err)
	}
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		if err := syscall.Kill(pid, sig); err != nil {
			t.Error(err)
		}
	}
	mustAnswer(t, h, "still there")
	if h.Status().PID != pid {
		t.Errorf("process %d is gone", pid)
	}
}

func TestClose_EndsAProcessThatHangs(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	h := s.open(t)
	pid := h.Status().PID
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	h.Close()
	if running(pid) {
		t.Errorf("process %d still runs", pid)
	}
	if left := s.socketsLeft(t); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}
