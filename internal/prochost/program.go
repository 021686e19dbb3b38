package prochost

import (
	"context"
	"io"
	"log/slog"
	"time"

	"github.com/hashicorp/go-plugin"
)

// program is what to start, in the form of one contract.
type program struct {
	noun    string // what messages call it
	opening string // what it does between start and service, as in "while it loaded the model"

	path string
	args []string
	env  []string // added to this process's environment

	handshake plugin.HandshakeConfig
	plugins   plugin.PluginSet
	service   string // what to dispense from plugins

	handshakeTime time.Duration // after which a process without a handshake is given up; 0 means a minute

	log       io.Writer // gets what the process writes
	socketDir string
}

// kind is how a program serves once it is connected. S is what its callers use.
type kind[S any] struct {
	program
	logger *slog.Logger
	clock  Clock

	// open makes a connected process ready. client is what the service dispensed.
	open func(ctx context.Context, client any) (S, error)
	// same returns why next, of a later process, may not follow first.
	same func(first, next S) error
	// failed is the error of a program that does not start.
	failed func(message, hint string) error
	// closed is the error of every call after the end.
	closed error
}
