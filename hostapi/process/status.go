package process

import (
	"context"
	"errors"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// errorDomain marks an ErrorInfo detail as a host's word. A status without one was made by gRPC.
const errorDomain = "kvasir"

// hintKey is the metadata key of the hint in an ErrorInfo detail.
const hintKey = "hint"

// maxErrorText bounds an error's message and hint, which travel in HTTP/2 headers. In bytes.
const maxErrorText = 8 << 10

// errorKinds are the errors that keep their identity on the wire. The code of the first that
// matches is the status code; each that matches adds a detail with its reason.
var errorKinds = []struct {
	reason   string
	code     codes.Code
	sentinel error
}{
	{"INVALID", codes.InvalidArgument, base.ErrInvalid},
	{"TOO_LONG", codes.InvalidArgument, base.ErrTooLong},
	{"OVERLOADED", codes.ResourceExhausted, base.ErrOverloaded},
	{"UNAVAILABLE", codes.Unavailable, base.ErrUnavailable},
	{"MODEL", codes.FailedPrecondition, base.ErrModel},
	{"UNSUPPORTED", codes.Unimplemented, base.ErrUnsupported},
	{"CANCELED", codes.Canceled, context.Canceled},
	{"DEADLINE_EXCEEDED", codes.DeadlineExceeded, context.DeadlineExceeded},
}

// encodeError turns what a host returned into a gRPC status error. An error that is none of
// errorKinds becomes codes.Unknown, unless it is a status already.
func encodeError(err error) error {
	if err == nil {
		return nil
	}
	code := codes.Unknown
	var details []protoadapt.MessageV1
	for _, k := range errorKinds {
		if !errors.Is(err, k.sentinel) {
			continue
		}
		if details == nil {
			code = k.code
		}
		details = append(details, errorInfo(k.reason, base.Hint(err)))
	}
	if _, ok := status.FromError(err); ok && details == nil {
		return err
	}
	st := status.New(code, clip(err.Error()))
	if with, err := st.WithDetails(details...); err == nil {
		st = with
	}
	return st.Err()
}

func errorInfo(reason, hint string) *errdetails.ErrorInfo {
	info := &errdetails.ErrorInfo{Reason: reason, Domain: errorDomain}
	if hint != "" {
		info.Metadata = map[string]string{hintKey: clip(hint)}
	}
	return info
}

// clip makes s valid UTF-8 of at most maxErrorText bytes.
func clip(s string) string {
	if len(s) > maxErrorText {
		s = s[:maxErrorText-len("...")]
		return strings.ToValidUTF8(s, "") + "..."
	}
	return utf8Text(s)
}

// decodeError turns an error of a gRPC call into the error the host returned, or one that says the
// host is lost. Other errors pass unchanged.
func decodeError(err error) error {
	st, ok := status.FromError(err)
	if err == nil || !ok {
		return err
	}
	return decodeStatus(st)
}

func decodeStatus(st *status.Status) error {
	sentinels, hint, ours := readDetails(st)
	if !ours && (st.Code() == codes.Unavailable || st.Code() == codes.Canceled) {
		return &lostError{reason: st.Message()}
	}
	if len(sentinels) == 0 {
		sentinels = sentinelOf(st.Code())
	}
	switch len(sentinels) {
	case 0:
		return errors.New(st.Message())
	case 1:
		return &base.Error{Sentinel: sentinels[0], Message: st.Message(), Hint: hint}
	default:
		return &base.Error{Sentinel: errors.Join(sentinels...), Message: st.Message(), Hint: hint}
	}
}

// readDetails returns the sentinels and the hint in st's details, and whether a host wrote any.
// A reason it does not know, of a later version, gives no sentinel.
func readDetails(st *status.Status) (sentinels []error, hint string, ours bool) {
	for _, d := range st.Details() {
		info, ok := d.(*errdetails.ErrorInfo)
		if !ok || info.GetDomain() != errorDomain {
			continue
		}
		ours = true
		if hint == "" {
			hint = info.GetMetadata()[hintKey]
		}
		for _, k := range errorKinds {
			if k.reason == info.GetReason() {
				sentinels = append(sentinels, k.sentinel)
			}
		}
	}
	return sentinels, hint, ours
}

func sentinelOf(code codes.Code) []error {
	for _, k := range errorKinds {
		if k.code == code {
			return []error{k.sentinel}
		}
	}
	return nil
}

// lostError is a call that ended because the connection did.
type lostError struct{ reason string }

func (e *lostError) Error() string {
	return "the connection to the inference host is lost: " + e.reason
}

func (e *lostError) Unwrap() error { return base.ErrUnavailable }

// Lost reports whether err means that the connection to the host broke, which is how the death of
// its process looks to a caller. Such an error is ErrUnavailable too; an ErrUnavailable that the
// host itself returned is not Lost.
func Lost(err error) bool {
	var lost *lostError
	return errors.As(err, &lost)
}
