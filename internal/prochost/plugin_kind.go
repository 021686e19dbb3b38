package prochost

import (
	"context"
	"fmt"
	"reflect"

	"github.com/kvasir-cache/kvasir/hostapi"
	"github.com/kvasir-cache/kvasir/hostapi/process"
	"github.com/kvasir-cache/kvasir/internal/base"
)

// initialised is a process plugin that is ready.
type initialised struct {
	client   *process.PluginClient
	manifest *hostapi.Manifest
	explain  bool
}

// pluginKind returns what the supervisor needs to know about a process plugin.
func pluginKind(o PluginOptions) kind[initialised] {
	return kind[initialised]{
		program: program{
			noun: "program", opening: "while it was initialised",
			path: o.Path, args: o.Args, env: o.Env,
			handshake: process.PluginHandshake, plugins: process.PluginClientPlugins(), service: process.KindPlugin,
			handshakeTime: o.InitTime,
			log:           &talk{logger: o.Logger, clock: o.Clock}, socketDir: o.SocketDir,
		},
		logger: o.Logger,
		clock:  o.Clock,
		open: func(ctx context.Context, client any) (initialised, error) {
			return initialise(ctx, client.(*process.PluginClient), &o)
		},
		same:   samePlugin,
		failed: cannotLoad,
		closed: hostapi.ErrClosed,
	}
}

// initialise tells the plugin how it is configured.
func initialise(ctx context.Context, c *process.PluginClient, o *PluginOptions) (initialised, error) {
	limited, cancel := context.WithTimeout(ctx, o.InitTime)
	defer cancel()
	manifest, explain, err := c.Init(limited, &hostapi.Init{
		ABI:      fmt.Sprintf("%d.%d", hostapi.Major, hostapi.Minor),
		Name:     o.Name,
		Features: []string{}, // a process calls no host functions
		Config:   o.Config,
		Limits:   o.Limits,
	})
	if err == context.DeadlineExceeded && earlier(limited, ctx) {
		err = cannotLoad(fmt.Sprintf("it was not ready after %v", o.InitTime), "give it more time, or find out what it waits for")
	}
	return initialised{c, manifest, explain}, err
}

// earlier reports whether a has a deadline of its own, before b's.
func earlier(a, b context.Context) bool {
	deadlineA, _ := a.Deadline()
	deadlineB, limited := b.Deadline()
	return !limited || deadlineA.Before(deadlineB)
}

func cannotLoad(message, hint string) error {
	return &base.Error{Sentinel: hostapi.ErrLoad, Message: hostapi.ErrLoad.Error() + ": " + message, Hint: hint}
}

// samePlugin refuses a plugin that came back as another: what it is asked hangs on its manifest.
func samePlugin(first, next initialised) error {
	if first.explain == next.explain && reflect.DeepEqual(first.manifest, next.manifest) {
		return nil
	}
	return cannotLoad("the program came back with another manifest", "restart kvasir to use what is there now")
}
