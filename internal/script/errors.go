package script

import (
	"errors"
	"fmt"
	"strings"

	"go.starlark.net/starlark"

	"github.com/kvasir-cache/kvasir/hostapi"
)

// outputError is about something a script returned. The sentinel is not in its text.
func outputError(format string, args ...any) error {
	return &kindError{hostapi.ErrOutput, fmt.Sprintf(format, args...)}
}

// kindError has a sentinel that its text does not repeat.
type kindError struct {
	kind error
	text string
}

func (e *kindError) Error() string { return e.text }
func (e *kindError) Unwrap() error { return e.kind }

// plain takes the sentinel out of the text of an error that package hostapi made.
func plain(err error) error {
	if err == nil || !errors.Is(err, hostapi.ErrOutput) {
		return err
	}
	return &kindError{hostapi.ErrOutput, strings.TrimPrefix(err.Error(), hostapi.ErrOutput.Error()+": ")}
}

// explain says in the words of the contract what ended a call, and where in the script.
func (p *plugin) explain(a *account, during string, err error) error {
	if err == nil {
		return nil
	}
	e := &hostapi.Error{Plugin: p.name, Call: during, Reason: hostapi.ErrTrap, Text: textOf(err)}
	for _, known := range []error{hostapi.ErrFailed, hostapi.ErrOutput} {
		if errors.Is(err, known) {
			e.Reason = known
		}
	}
	if ended := a.ended; ended != nil { // whatever the interpreter made of it
		e.Reason, e.Wall, e.Cause = hostapi.ErrBudget, ended.wall, ended.cause
		e.Text = ended.text + at(err)
	}
	return e
}

func textOf(err error) string {
	var eval *starlark.EvalError
	if !errors.As(err, &eval) {
		return cutMessage(err.Error())
	}
	if where := placeOf(eval); where != "" {
		return where + ": " + cutMessage(eval.Msg)
	}
	return cutMessage(eval.Msg)
}

func at(err error) string {
	var eval *starlark.EvalError
	if errors.As(err, &eval) {
		if where := placeOf(eval); where != "" {
			return ", at " + where
		}
	}
	return ""
}

// placeOf returns the innermost place in the script, and the function it is in.
func placeOf(e *starlark.EvalError) string {
	for i := range e.CallStack {
		frame := e.CallStack.At(i)
		if frame.Pos.Filename() == "<builtin>" {
			continue
		}
		if frame.Name == "<toplevel>" {
			return frame.Pos.String()
		}
		return fmt.Sprintf("%s (in %s)", frame.Pos, frame.Name)
	}
	return ""
}
