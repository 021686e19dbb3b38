//go:build llama && linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// killParent starts kvasir, lets it come a little further each round, kills it with SIGKILL, and
// waits for its host to be gone.
func killParent(t *testing.T, model string, round int) {
	t.Helper()
	tmp := t.TempDir()
	cmd := exec.Command(os.Args[0], "run", "-m", model, "--context", "8192", "-p", "Tell me a story.", "--raw", "--cache-persist=off", "--logit-bias", "2=-inf", "--logit-bias", "0=-inf")
	cmd.Env = append(os.Environ(), asKvasir+"=1", "TMPDIR="+tmp)
	cmd.Dir = tmp
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	host := 0
	eventually(t, func() bool {
		host = childOf(cmd.Process.Pid)
		return host != 0
	}, func() string { return fmt.Sprintf("kvasir started no host: %s", &out) })
	time.Sleep(time.Duration(round) * 13 * time.Millisecond) // another moment each time, by design
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	eventually(t, func() bool { return !running(host) }, func() string { return fmt.Sprintf("round %d: host %d outlived kvasir", round, host) })
	if left, _ := filepath.Glob(filepath.Join(tmp, "*", "*")); len(left) > 0 {
		t.Errorf("round %d: sockets are left behind: %v", round, left)
	}
}

func eventually(t *testing.T, cond func() bool, why func() string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !cond(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(why())
		}
	}
}

// childOf returns a child process of pid, or 0.
func childOf(pid int) int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	fields := strings.Fields(string(text))
	if err != nil || len(fields) == 0 {
		return childByStat(pid)
	}
	child, _ := strconv.Atoi(fields[0])
	return child
}

// childByStat looks through all processes, where the kernel keeps no list of children. A child
// belongs to the thread that started it, so the list of the first thread may also be empty.
func childByStat(pid int) int {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		if fields := statFields(path); len(fields) > 1 && fields[1] == strconv.Itoa(pid) {
			child, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			return child
		}
	}
	return 0
}

// statFields returns the fields of a stat file after the program's name: state, parent, ...
func statFields(path string) []string {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	return strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
}

// running reports whether a process exists and is not a zombie.
func running(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	fields := statFields(fmt.Sprintf("/proc/%d/stat", pid))
	return len(fields) > 0 && fields[0] != "Z"
}
