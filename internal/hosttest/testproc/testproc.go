// Package testproc runs the fake host of hosttest as a real inference host process, made from the
// test binary itself. A test package calls Main first in its TestMain and starts the program that
// Command names:
//
//	func TestMain(m *testing.M) {
//		testproc.Main()
//		os.Exit(m.Run())
//	}
package testproc

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"syscall"

	"github.com/kvasir-cache/kvasir/hostapi/process"
	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/hosttest"
)

// variable makes a test binary a host.
const variable = "KVASIR_TEST_HOST"

// AbortMessage is what the process writes to standard error before it aborts, in the form of ggml.
const AbortMessage = "/src/fake.cpp:42: GGML_ASSERT(polite) failed"

// QueuedMessage is what the process writes to standard error, before the prompt, for a request that
// has to wait for a slot.
const QueuedMessage = "queued:"

// Model is the content of a fake model file.
type Model struct {
	Name  string // part of the identity, like all the content
	Error string // makes the load fail with ErrModel
	Abort bool   // makes the load abort the process
	Hang  bool   // makes the load wait for its context
}

// WriteModel writes a fake model file.
func WriteModel(path string, m Model) error {
	data, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o600)
}

// Command returns the program to start and the environment that makes it a host.
func Command() (path string, env []string, err error) {
	path, err = os.Executable()
	return path, []string{variable + "=1"}, err
}

// Main serves as a host and ends the process if it was started with Command. Else it does nothing.
func Main() {
	if os.Getenv(variable) == "" {
		return
	}
	process.Serve(process.BackendFunc(load))
	os.Exit(0)
}

// realStderr is standard error before go-plugin replaced it.
var realStderr = os.Stderr

// abort ends the process as ggml does.
func abort() {
	fmt.Fprintln(realStderr, AbortMessage)
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = self.Signal(syscall.SIGABRT)
	}
	if err != nil {
		os.Exit(134)
	}
	select {}
}

func load(ctx context.Context, o base.LoadOptions, progress func(string, float64)) (base.Host, error) {
	data, err := os.ReadFile(o.Model)
	var m Model
	if err == nil {
		err = json.Unmarshal(data, &m)
	}
	if err != nil {
		return nil, &base.Error{Sentinel: base.ErrModel,
			Message: fmt.Sprintf("model %q: %v", o.Model, err), Hint: "check the path of the model"}
	}
	progress("reading the model", 0)
	switch {
	case m.Error != "":
		return nil, &base.Error{Sentinel: base.ErrModel, Message: m.Error}
	case m.Abort:
		abort()
	case m.Hang:
		<-ctx.Done()
		return nil, ctx.Err()
	}
	progress("reading the model", 1)
	return hosttest.New(hosttest.Options{
		Model: string(data), Context: o.Context, Parallel: o.Parallel, Queue: o.Queue,
		Abort: abort, Queued: func(r *base.Request) { fmt.Fprintln(realStderr, QueuedMessage, r.Prompt) },
	}), nil
}
