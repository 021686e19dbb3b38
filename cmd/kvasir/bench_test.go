//go:build llama && linux

package main

import (
	"bufio"
	"bytes"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/kvasir-cache/kvasir/internal/testmodel"
)

// TestBenchRepeat_ReportsWhenInterrupted presses Ctrl-C once something was served from the cache.
func TestBenchRepeat_ReportsWhenInterrupted(t *testing.T) {
	model, err := testmodel.Cached(testmodel.Wide512, testmodel.F16) // slow enough not to be done before
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cmd := kvasirIn(dir, "bench", "repeat", "-v", "-m", model, "--html", "page.html")
	var out, log bytes.Buffer
	cmd.Stdout = &out
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		log.WriteString(lines.Text() + "\n")
		if strings.Contains(lines.Text(), "served a request that is alike") {
			cmd.Process.Signal(syscall.SIGINT)
		}
	}
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != exitInterrupted || !strings.HasSuffix(log.String(), "kvasir: interrupted\n") {
		t.Errorf("exit code %d, standard error\n%s", code, &log)
	}
	if !strings.Contains(out.String(), "; interrupted, 202 were to be asked\n") || !strings.Contains(out.String(), "\nsaved: ") {
		t.Errorf("standard output\n%s", &out)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "cache", "bench", "*")); len(left) > 0 {
		t.Errorf("stores are left behind: %v", left)
	}
	if pages, _ := filepath.Glob(filepath.Join(dir, "page.html")); len(pages) == 0 {
		t.Error("no page was written")
	}
}
