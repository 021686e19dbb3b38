//go:build unix

package process

import (
	"os/signal"
	"syscall"
)

// ignoreSignals leaves the end of the process to its parent: service managers and terminals signal
// every process of a group, and the parent wants its requests answered first. A parent that died
// leaves a broken pipe, which must not end the process before it has removed its socket.
func ignoreSignals() {
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
}
