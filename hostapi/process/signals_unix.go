//go:build unix

package process

import (
	"os/signal"
	"syscall"
)

// ignoreSignals leaves the end of the process to its parent: service managers and terminals signal
// every process of a group, and the parent wants its requests answered first.
func ignoreSignals() {
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
}
