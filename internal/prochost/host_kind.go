package prochost

import (
	"context"
	"fmt"
	"reflect"

	"github.com/kvasir-cache/kvasir/hostapi/process"
	"github.com/kvasir-cache/kvasir/internal/base"
)

// errClosed is what every call of a Host returns after Close.
var errClosed error = &base.Error{Sentinel: base.ErrUnavailable, Message: "the inference host was closed"}

// loaded is an inference host with its model.
type loaded struct {
	client *process.Client
	info   *base.Info
}

// hostKind returns what the supervisor needs to know about an inference host.
func hostKind(o Options) kind[loaded] {
	return kind[loaded]{
		program: program{
			noun: "inference host", opening: "while it loaded the model",
			path: o.Path, args: o.Args, env: o.Env,
			handshake: process.Handshake, plugins: process.ClientPlugins(), service: process.PluginName,
			log: o.Stderr, socketDir: o.SocketDir,
		},
		logger: o.Logger,
		clock:  o.Clock,
		open: func(ctx context.Context, client any) (loaded, error) {
			c := client.(*process.Client)
			info, err := c.Load(ctx, o.Load, o.Progress)
			return loaded{c, info}, err
		},
		same:   sameHost,
		failed: unavailable,
		closed: errClosed,
	}
}

func unavailable(message, hint string) error {
	return &base.Error{Sentinel: base.ErrUnavailable, Message: message, Hint: hint}
}

// died is the error of a request that met the death d of its host.
func died(d death, doing string) error {
	if d.closed {
		return errClosed
	}
	return unavailable(d.message("inference host", doing), d.hint("inference host"))
}

// sameHost refuses a host that came back as another: what the cache holds is filed under the identity
// that Open found.
func sameHost(first, next loaded) error {
	if reflect.DeepEqual(next.info, first.info) {
		return nil
	}
	return &base.Error{
		Sentinel: base.ErrModel,
		Message:  fmt.Sprintf("the inference host came back with another identity: %s", difference(first.info, next.info)),
		Hint:     "restart kvasir to use what is there now",
	}
}

// difference says what changed between two unequal identities.
func difference(was, is *base.Info) string {
	switch {
	case was.Model.SHA256 != is.Model.SHA256:
		return fmt.Sprintf("the content of model %q changed", is.Model.Path)
	case !reflect.DeepEqual(was.Model, is.Model):
		return fmt.Sprintf("the description of model %q changed", is.Model.Path)
	case !reflect.DeepEqual(was.Runtime, is.Runtime):
		return "the program or its settings changed"
	case was.State != is.State:
		return "what can be saved of its state changed"
	default:
		return "the chat template, the adapters or the rope settings changed"
	}
}
