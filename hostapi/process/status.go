package process

import (
	"errors"
	"fmt"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// errorDomain marks an ErrorInfo detail as a program's word. A status without one was made by gRPC.
const errorDomain = "kvasir"

// hintKey is the metadata key of the hint in an ErrorInfo detail.
const hintKey = "hint"

// maxErrorText bounds an error's message and hint, which travel in HTTP/2 headers. In bytes.
const maxErrorText = 8 << 10

// matching returns the kinds that err is, in the order of the contract.
func (k *contract) matching(err error) []errorKind {
	var kinds []errorKind
	for _, kind := range k.errors {
		if errors.Is(err, kind.sentinel) {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}

// encodeError turns what a program returned into a gRPC status error. An error that the contract does
// not know becomes codes.Unknown, unless it is a status already.
func (k *contract) encodeError(err error) error {
	if err == nil {
		return nil
	}
	code := codes.Unknown
	var details []protoadapt.MessageV1
	for _, kind := range k.matching(err) {
		if details == nil {
			code = kind.code
		}
		details = append(details, errorInfo(kind.reason, base.Hint(err)))
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
func clip(s string) string { return clipTo(maxErrorText, s) }

func clipTo(size int, s string) string {
	if len(s) > size {
		s = s[:size-len("...")]
		return strings.ToValidUTF8(s, "") + "..."
	}
	return utf8Text(s)
}

// decodeError turns an error of a gRPC call into the error the program returned, or one that says the
// program is lost. Other errors pass unchanged.
func (k *contract) decodeError(err error) error {
	st, ok := status.FromError(err)
	if err == nil || !ok {
		return err
	}
	return k.decodeStatus(st)
}

func (k *contract) decodeStatus(st *status.Status) error {
	sentinels, hint, ours := k.readDetails(st)
	if !ours && (st.Code() == codes.Unavailable || st.Code() == codes.Canceled) {
		return &lostError{noun: k.noun, reason: st.Message()}
	}
	if len(sentinels) == 0 {
		sentinels = k.sentinelOf(st.Code())
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

// readDetails returns the sentinels and the hint in st's details, and whether a program wrote any.
// A reason it does not know, of a later version, gives no sentinel.
func (k *contract) readDetails(st *status.Status) (sentinels []error, hint string, ours bool) {
	for _, d := range st.Details() {
		info, ok := d.(*errdetails.ErrorInfo)
		if !ok || info.GetDomain() != errorDomain {
			continue
		}
		ours = true
		if hint == "" {
			hint = info.GetMetadata()[hintKey]
		}
		for _, kind := range k.errors {
			if kind.reason == info.GetReason() {
				sentinels = append(sentinels, kind.sentinel)
			}
		}
	}
	return sentinels, hint, ours
}

func (k *contract) sentinelOf(code codes.Code) []error {
	for _, kind := range k.errors {
		if kind.code == code {
			return []error{kind.sentinel}
		}
	}
	return nil
}

// lostError is a call that ended because the connection did.
type lostError struct{ noun, reason string }

func (e *lostError) Error() string {
	return fmt.Sprintf("the connection to the %s is lost: %s", e.noun, e.reason)
}

func (e *lostError) Unwrap() error { return base.ErrUnavailable }

// Lost reports whether err means that the connection to the program broke, which is how the death of
// its process looks to a caller. Such an error is ErrUnavailable too; an ErrUnavailable that
// a host itself returned is not Lost.
func Lost(err error) bool {
	var lost *lostError
	return errors.As(err, &lost)
}
