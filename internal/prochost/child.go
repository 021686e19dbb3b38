package prochost

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"

	"github.com/kvasir-cache/kvasir/hostapi/process"
	"github.com/kvasir-cache/kvasir/internal/base"
)

// child is one life of the host, from the start of its process to its end.
type child struct {
	process *runnerProcess
	plugin  *plugin.Client
	client  *process.Client
	log     *sink
	info    *base.Info // what it loaded
	ready   time.Time  // when it had loaded it

	gone  chan struct{} // closed by the supervisor when death is set and a successor is on its way
	death death         // valid after gone
}

// death says how a process ended.
type death struct {
	closed  bool            // by Close
	status  string          // such as "signal: killed"
	words   string          // what the process said about it; may be empty
	started map[uint64]bool // numbers of requests that it had started
}

// during returns the error of a request that met d.
func (d death) during(doing string) error {
	if d.closed {
		return errClosed
	}
	message := fmt.Sprintf("the inference host stopped %s (%s)", doing, d.status)
	if d.words != "" {
		message += ": " + d.words
	}
	e := &base.Error{Sentinel: base.ErrUnavailable, Message: message, Hint: "send it again; the host is started anew"}
	if strings.Contains(d.status, "killed") {
		e.Hint += " (the system kills what needs more memory than there is)"
	}
	return e
}

// start starts a process and loads the model. When ctx ends, the start fails with its error. The
// caller stops the child.
func start(ctx context.Context, o *Options) (*child, error) {
	c := newChild(o)
	cancelled := context.AfterFunc(ctx, c.process.kill)
	err := c.connect()
	if err == nil {
		c.info, err = c.client.Load(ctx, o.Load, o.Progress)
	}
	if !cancelled() {
		err = ctx.Err() // the process is being killed, even if it was ready by then
	}
	if err != nil {
		err = c.explain(ctx, err)
		c.stop()
		return nil, err
	}
	c.ready = o.Clock.Now()
	return c, nil
}

func newChild(o *Options) *child {
	c := &child{process: newRunner(o), log: &sink{w: o.Stderr}, gone: make(chan struct{})}
	c.plugin = plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig:  process.Handshake,
		Plugins:          process.ClientPlugins(),
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		AutoMTLS:         true,
		RunnerFunc:       c.process.prepare,
		SkipHostEnv:      true, // prepare adds it, in front of Options.Env
		UnixSocketConfig: &plugin.UnixSocketConfig{TempDir: o.SocketDir},
		GRPCDialOptions:  process.DialOptions(),
		Stderr:           c.log,
		SyncStdout:       c.log,
		SyncStderr:       c.log,
		Logger:           hclog.New(&hclog.LoggerOptions{Level: hclog.Off}),
	})
	return c
}

// connect starts the process and makes the client.
func (c *child) connect() error {
	protocol, err := c.plugin.Client()
	if err != nil {
		return err
	}
	raw, err := protocol.Dispense(process.PluginName)
	if err != nil {
		return err
	}
	c.client = raw.(*process.Client)
	return nil
}

// explain turns the failure of a start into an error for a person. What the host itself says about
// its model stays as it is.
func (c *child) explain(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case c.client == nil:
		return c.explainStart(err)
	case !process.Lost(err):
		return err
	}
	c.process.kill()
	return c.autopsy().during("while it loaded the model")
}

// explainStart explains why there is no connection.
func (c *child) explainStart(err error) error {
	reason, _, _ := strings.Cut(err.Error(), "\n")
	if c.process.pid() != 0 {
		c.process.kill() // go-plugin has done so, unless the process had ended
		c.autopsy()
		if strings.HasPrefix(reason, "plugin exited") || strings.TrimSpace(reason) == "Unrecognized remote plugin message:" {
			reason = cmp.Or(c.process.words.causeOrLast(), "it ended without a handshake")
		}
	}
	return &base.Error{
		Sentinel: base.ErrUnavailable,
		Message:  fmt.Sprintf("inference host %q did not start: %s", c.process.options.Path, reason),
		Hint:     "check the path of the inference host, and that it runs on this machine",
	}
}

// autopsy waits for the end of the process and says how it came. The process must be dying.
func (c *child) autopsy() death {
	<-c.process.exited
	<-c.process.drained
	return death{
		status:  c.process.status,
		words:   c.process.words.cause(),
		started: process.StartedNumbers(c.process.socketDir()),
	}
}

// stopTime is how long a process may take to end when it is asked to.
const stopTime = 3 * time.Second

// stop ends the process, by asking first, and returns when it has ended and nothing is left of it. It
// may be called on a child in any state, once.
func (c *child) stop() {
	// go-plugin waits without limit for the reply of a process that hangs.
	timer := time.AfterFunc(stopTime, c.process.kill)
	defer timer.Stop()
	c.plugin.Kill()
	c.process.kill()
	c.process.release()
	c.log.close()
}
