package process_test

import (
	"bytes"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/go-plugin"

	"github.com/kvasir-cache/kvasir/hostapi/process"
	"github.com/kvasir-cache/kvasir/internal/hosttest/testproc"
)

func TestMain(m *testing.M) {
	testproc.Main()
	os.Exit(m.Run())
}

// hostCommand returns a host process that is not started yet.
func hostCommand(t *testing.T, env ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	path, hostEnv, err := testproc.Command()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path)
	cmd.Env = append(append(os.Environ(), hostEnv...), env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	return cmd, &stderr
}

func TestServe_RefusesAPerson(t *testing.T) {
	cmd, stderr := hostCommand(t)
	err := cmd.Run()
	if cmd.ProcessState.ExitCode() != 1 || !strings.Contains(stderr.String(), "not meant to be executed directly") {
		t.Errorf("exit: %v, stderr %q", err, stderr)
	}
}

func cookie() string {
	return process.Handshake.MagicCookieKey + "=" + process.Handshake.MagicCookieValue
}

func TestServe_RefusesAParentWithoutTLS(t *testing.T) {
	cmd, stderr := hostCommand(t, cookie())
	_ = cmd.Run()
	if cmd.ProcessState.ExitCode() != 1 || !strings.Contains(stderr.String(), "AutoMTLS") {
		t.Errorf("exit code %d, stderr %q", cmd.ProcessState.ExitCode(), stderr)
	}
}

func TestServe_EndsWithItsStandardInput(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "s")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	cmd, stderr := hostCommand(t, cookie(), "PLUGIN_CLIENT_CERT=none", plugin.EnvUnixSocketDir+"="+dir)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 256)
	if n, err := stdout.Read(line); err != nil || !bytes.Contains(line[:n], []byte(dir)) {
		t.Errorf("handshake %q, %v; want a socket in %q", line[:n], err, dir)
	}
	stdin.Close()
	_, _ = io.Copy(io.Discard, stdout)
	if err := cmd.Wait(); err != nil {
		t.Errorf("exit: %v, stderr %q", err, stderr)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the folder of the socket is still there: %v", err)
	}
}

func TestServe_RemovesNothingButSockets(t *testing.T) {
	dir := t.TempDir()
	keep := filepath.Join(dir, "notes.txt")
	if err := os.WriteFile(keep, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	process.RemoveSockets(dir)
	process.RemoveSockets("")
	if _, err := os.Stat(keep); err != nil {
		t.Errorf("a file that is no socket is gone: %v", err)
	}
	if _, err := os.Stat(socket); !os.IsNotExist(err) {
		t.Errorf("the socket is still there: %v", err)
	}
}
