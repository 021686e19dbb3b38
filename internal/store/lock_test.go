package store

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// holdVariable makes the test binary a process that holds the store it names until its input ends.
const holdVariable = "KVASIR_TEST_HOLD_STORE"

func TestMain(m *testing.M) {
	if dir := os.Getenv(holdVariable); dir != "" {
		os.Exit(hold(dir))
	}
	code := m.Run()
	if benchStore.dir != "" {
		_ = os.RemoveAll(benchStore.dir)
	}
	os.Exit(code)
}

func hold(dir string) int {
	if _, err := Open(Options{Dir: dir}); err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("held")
	_, _ = io.Copy(io.Discard, os.Stdin)
	return 0
}

func TestOpen_RefusesAStoreThatAnotherProcessHolds(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "db")
	other := exec.Command(os.Args[0])
	other.Env = append(os.Environ(), holdVariable+"="+dir)
	input, err := other.StdinPipe()
	must(t, err)
	output, err := other.StdoutPipe()
	must(t, err)
	must(t, other.Start())
	if line, err := bufio.NewReader(output).ReadString('\n'); line != "held\n" {
		t.Fatalf("the other process says %q, %v", line, err)
	}

	_, err = Open(Options{Dir: dir})
	wantDressed(t, err, ErrLocked, dir, "is in use by another process", "stop the other kvasir")

	must(t, input.Close())
	must(t, other.Wait())
	mustOpen(t, Options{Dir: dir, MustExist: true})
}
