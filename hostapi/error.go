package hostapi

import (
	"fmt"
	"strings"
)

// Error is what went wrong with a plugin. It wraps one of the sentinels, and the caller's context error where
// that ended the call. Whoever runs plugins returns it, so that all kinds of plugin fail in the same words.
type Error struct {
	Plugin string // its name
	Call   string // what was asked of it, such as "normalize"; "load" before that
	Reason error  // one of the sentinels
	Text   string // what was found or what the plugin said, and where; may be empty
	Wall   bool   // ErrBudget: time ran out, not steps or bytes; the machine may be to blame
	Cause  error  // may be nil
}

// Error returns one line: whose failure, when, what, and the plugin's own words. After a load it may be
// several, one for each mistake.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "plugin %q: %s: %v", e.Plugin, e.Call, e.Reason)
	if e.Text != "" {
		b.WriteString(": " + e.Text)
	}
	if e.Cause != nil {
		fmt.Fprintf(&b, ": %v", e.Cause)
	}
	return b.String()
}

// Unwrap returns the sentinel and the cause.
func (e *Error) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Reason}
	}
	return []error{e.Reason, e.Cause}
}
