package process

import (
	"context"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc/codes"

	"github.com/kvasir-cache/kvasir/hostapi"
	"github.com/kvasir-cache/kvasir/internal/base"
)

// contract is what differs between the kinds of program that kvasir starts.
type contract struct {
	noun      string // what messages call the program
	one       string // the noun with its article
	handshake plugin.HandshakeConfig
	// errors keep their identity on the wire. The code of the first that matches is the status code;
	// each that matches adds a detail with its reason.
	errors []errorKind
	// crash is the error of a call whose code panicked, or nil.
	crash error
}

type errorKind struct {
	reason   string
	code     codes.Code
	sentinel error
}

var hostContract = &contract{
	noun:      "inference host",
	one:       "an inference host",
	handshake: Handshake,
	errors: []errorKind{
		{"INVALID", codes.InvalidArgument, base.ErrInvalid},
		{"TOO_LONG", codes.InvalidArgument, base.ErrTooLong},
		{"OVERLOADED", codes.ResourceExhausted, base.ErrOverloaded},
		{"UNAVAILABLE", codes.Unavailable, base.ErrUnavailable},
		{"MODEL", codes.FailedPrecondition, base.ErrModel},
		{"UNSUPPORTED", codes.Unimplemented, base.ErrUnsupported},
		{"CANCELED", codes.Canceled, context.Canceled},
		{"DEADLINE_EXCEEDED", codes.DeadlineExceeded, context.DeadlineExceeded},
	},
}

var pluginContract = &contract{
	noun:      "plugin",
	one:       "a process plugin",
	handshake: PluginHandshake,
	errors: []errorKind{
		{"ROLE", codes.Unimplemented, hostapi.ErrRole},
		{"LOAD", codes.FailedPrecondition, hostapi.ErrLoad},
		{"BUDGET", codes.DeadlineExceeded, hostapi.ErrBudget},
		{"OUTPUT", codes.Internal, hostapi.ErrOutput},
		{"TRAP", codes.Aborted, hostapi.ErrTrap},
		{"BUSY", codes.ResourceExhausted, hostapi.ErrBusy},
		{"FAILED", codes.Unknown, hostapi.ErrFailed},
	},
	crash: hostapi.ErrTrap,
}

// knows reports whether err keeps its identity on the wire.
func (k *contract) knows(err error) bool {
	return len(k.matching(err)) > 0
}

// other returns the contract that k is not.
func (k *contract) other() *contract {
	if k == hostContract {
		return pluginContract
	}
	return hostContract
}
