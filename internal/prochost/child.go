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
)

// child is one life of a program, from the start of its process to its end.
type child[S any] struct {
	kind    *kind[S]
	process *runnerProcess
	plugin  *plugin.Client
	log     *sink
	serves  S
	ready   time.Time // when it began to serve

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

// message says that the program named noun met d.
func (d death) message(noun, doing string) string {
	message := fmt.Sprintf("the %s stopped %s (%s)", noun, doing, d.status)
	if d.words != "" {
		message += ": " + d.words
	}
	return message
}

// hint says what to do about d.
func (d death) hint(noun string) string {
	hint := fmt.Sprintf("send it again; the %s is started anew", noun)
	if strings.Contains(d.status, "killed") {
		hint += " (the system kills what needs more memory than there is)"
	}
	return hint
}

// start starts a process and makes it ready. When ctx ends, the start fails with its error. The caller
// stops the child.
func start[S any](ctx context.Context, k *kind[S]) (*child[S], error) {
	c := newChild(k)
	cancelled := context.AfterFunc(ctx, c.process.kill)
	client, err := c.connect()
	connected := err == nil
	if connected {
		c.serves, err = k.open(ctx, client)
	}
	if !cancelled() {
		err = ctx.Err() // the process is being killed, even if it was ready by then
	}
	if err != nil {
		err = c.explain(ctx, connected, err)
		c.stop()
		return nil, err
	}
	c.ready = k.clock.Now()
	return c, nil
}

func newChild[S any](k *kind[S]) *child[S] {
	c := &child[S]{kind: k, process: newRunner(&k.program), log: &sink{w: k.log}, gone: make(chan struct{})}
	c.plugin = plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig:  k.handshake,
		Plugins:          k.plugins,
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		AutoMTLS:         true,
		StartTimeout:     k.handshakeTime,
		RunnerFunc:       c.process.prepare,
		SkipHostEnv:      true, // prepare adds it, without what is withheld, in front of the program's own
		UnixSocketConfig: &plugin.UnixSocketConfig{TempDir: k.socketDir},
		GRPCDialOptions:  process.DialOptions(),
		Stderr:           &lines{to: c.log},
		SyncStdout:       &lines{to: c.log},
		SyncStderr:       &lines{to: c.log},
		Logger:           hclog.New(&hclog.LoggerOptions{Level: hclog.Off}),
	})
	return c
}

// connect starts the process and makes the client.
func (c *child[S]) connect() (any, error) {
	protocol, err := c.plugin.Client()
	if err != nil {
		return nil, err
	}
	return protocol.Dispense(c.kind.service)
}

// explain turns the failure of a start into an error for a person. What the program itself says stays as
// it is.
func (c *child[S]) explain(ctx context.Context, connected bool, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case !connected:
		return c.explainStart(err)
	case !process.Lost(err):
		return err
	}
	c.process.kill()
	d := c.autopsy()
	return c.kind.failed(d.message(c.kind.noun, c.kind.opening), d.hint(c.kind.noun))
}

// explainStart explains why there is no connection.
func (c *child[S]) explainStart(err error) error {
	reason, _, _ := strings.Cut(err.Error(), "\n")
	if c.process.pid() != 0 {
		c.process.kill() // go-plugin has done so, unless the process had ended
		c.autopsy()
		if strings.HasPrefix(reason, "plugin exited") || strings.TrimSpace(reason) == "Unrecognized remote plugin message:" {
			reason = cmp.Or(c.process.words.causeOrLast(), "it ended without a handshake")
		}
	}
	noun := c.kind.noun
	return c.kind.failed(fmt.Sprintf("%s %q did not start: %s", noun, c.kind.path, reason),
		fmt.Sprintf("check the path of the %s, and that it runs on this machine", noun))
}

// autopsy waits for the end of the process and says how it came. The process must be dying.
func (c *child[S]) autopsy() death {
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
func (c *child[S]) stop() {
	// go-plugin waits without limit for the reply of a process that hangs.
	timer := time.AfterFunc(stopTime, c.process.kill)
	defer timer.Stop()
	c.plugin.Kill()
	c.process.kill()
	c.process.release()
	c.log.close()
}
