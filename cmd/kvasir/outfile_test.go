package main

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func hello(w io.Writer) error {
	_, err := io.WriteString(w, "hello")
	return err
}

func TestWriteOut_FollowsALink(t *testing.T) {
	for _, there := range []bool{true, false} {
		dir := t.TempDir()
		file, link := filepath.Join(dir, "file"), filepath.Join(dir, "link")
		if there {
			must(t, os.WriteFile(file, []byte("before"), 0o600))
		}
		must(t, os.Symlink("file", link))
		if n, err := writeOut(link, hello); n != 5 || err != nil {
			t.Fatalf("got %d, %v, want 5 bytes", n, err)
		}
		info, err := os.Lstat(link)
		must(t, err)
		if info.Mode()&fs.ModeSymlink == 0 {
			t.Errorf("the link is a %v now", info.Mode())
		}
		if got, _ := os.ReadFile(file); string(got) != "hello" {
			t.Errorf("the file holds %q", got)
		}
	}
}

func TestWriteOut_WritesIntoAPipe(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	must(t, syscall.Mkfifo(pipe, 0o600))
	read := make(chan string)
	go func() {
		got, _ := os.ReadFile(pipe)
		read <- string(got)
	}()
	if n, err := writeOut(pipe, hello); n != 5 || err != nil {
		t.Fatalf("got %d, %v, want 5 bytes", n, err)
	}
	if got := <-read; got != "hello" {
		t.Errorf("the reader got %q", got)
	}
	info, err := os.Lstat(pipe)
	must(t, err)
	if info.Mode()&fs.ModeNamedPipe == 0 {
		t.Errorf("the pipe is a %v now", info.Mode())
	}
}

func TestWriteOut_KeepsTheFileOfAFailedWrite(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, []byte("before"), 0o600))
	failed := errors.New("failed")
	if _, err := writeOut(file, func(io.Writer) error { return failed }); !errors.Is(err, failed) {
		t.Errorf("got %v, want the error of the write", err)
	}
	if got, _ := os.ReadFile(file); string(got) != "before" {
		t.Errorf("the file holds %q", got)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
