package openai

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// Types of errors.
const (
	TypeInvalid   = "invalid_request_error"
	TypeRateLimit = "rate_limit_error"
	TypeServer    = "server_error"
)

// Codes of errors that clients branch on.
const (
	CodeInvalidType  = "invalid_type"
	CodeInvalidValue = "invalid_value"
	CodeMissing      = "missing_required_parameter"
	CodeUnsupported  = "unsupported_parameter"
)

// Error is an error as a client gets it.
type Error struct {
	Status  int    // of HTTP
	Message string // what is wrong
	Type    string
	Param   string // the field that is wrong; empty means none
	Code    string // may be empty
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// MarshalJSON writes {"error": {…}}. Param and Code are null where they are empty.
func (e *Error) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]any{"error": map[string]any{
		"message": e.Message, "type": e.Type, "param": orNull(e.Param), "code": orNull(e.Code),
	}})
}

func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}

func invalid(param, code, format string, args ...any) *Error {
	return &Error{Status: http.StatusBadRequest, Type: TypeInvalid, Param: param, Code: code, Message: fmt.Sprintf(format, args...)}
}

// Unsupported refuses what a client may ask for and nobody here can do.
func Unsupported(param, format string, args ...any) *Error {
	return invalid(param, CodeUnsupported, "%s: %s", param, fmt.Sprintf(format, args...))
}

// Invalid refuses the value of a field.
func Invalid(param, format string, args ...any) *Error {
	return invalid(param, CodeInvalidValue, "%s: %s", param, fmt.Sprintf(format, args...))
}

func missing(param, what string) *Error {
	return invalid(param, CodeMissing, "%s: missing, want %s", param, what)
}
