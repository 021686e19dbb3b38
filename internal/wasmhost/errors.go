package wasmhost

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/kvasir-cache/kvasir/hostapi"
)

// fault is a hostapi.Error that does not know yet whose it is. Host functions panic with one to end a call.
type fault struct {
	reason error
	text   string
	wall   bool
	cause  error
}

func (f *fault) Error() string { return fmt.Sprintf("%v: %s", f.reason, f.text) }

func faultf(reason error, format string, args ...any) *fault {
	return &fault{reason: reason, text: fmt.Sprintf(format, args...)}
}

// broke is the fault of a guest that does not keep to the contract.
func broke(format string, args ...any) *fault { return faultf(hostapi.ErrOutput, format, args...) }

// reasons are the sentinels a fault may have, in the order of Failures.
var reasons = [...]error{
	hostapi.ErrBudget, hostapi.ErrTrap, hostapi.ErrOutput, hostapi.ErrFailed, hostapi.ErrBusy,
	hostapi.ErrClosed, hostapi.ErrLoad, hostapi.ErrRole,
}

// faultOf makes a fault of any error. Decoders of package hostapi wrap the sentinel in front of the text,
// which the fault says itself.
func faultOf(err error) *fault {
	var f *fault
	if errors.As(err, &f) {
		return f
	}
	for _, reason := range reasons {
		if errors.Is(err, reason) {
			return &fault{reason: reason, text: strings.TrimPrefix(err.Error(), reason.Error()+": ")}
		}
	}
	return &fault{reason: hostapi.ErrTrap, text: trapText(err)}
}

// trapText is the first line of what the engine says, and the function it happened in.
func trapText(err error) string {
	lines := strings.SplitN(err.Error(), "\n", 4)
	text := strings.TrimPrefix(lines[0], "wasm error: ")
	if len(lines) > 2 {
		if frame := strings.TrimSpace(lines[2]); frame != "" {
			text += " in " + frame
		}
	}
	return cut(text, maxTrapText)
}

// maxTrapText bounds what an error repeats of a crash: enough for a function's name and an abort message.
const maxTrapText = 400

// of says whose fault it is.
func (f *fault) of(plugin, call string) *hostapi.Error {
	return &hostapi.Error{Plugin: plugin, Call: call, Reason: f.reason, Text: f.text, Wall: f.wall, Cause: f.cause}
}

// cancelled reports whether the caller's context ended the call, which says nothing about the plugin.
func (f *fault) cancelled() bool {
	return errors.Is(f.cause, context.Canceled) || errors.Is(f.cause, context.DeadlineExceeded)
}

// cut returns text as valid UTF-8 on one line, or as much of its beginning as n bytes hold.
func cut(text string, n int) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	text = strings.ReplaceAll(text, "\n", "; ")
	if len(text) <= n {
		return text
	}
	for n > 0 && text[n]&0xc0 == 0x80 {
		n--
	}
	return text[:n] + "…"
}
