package process

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/kvasir-cache/kvasir/internal/base"
)

var sentinels = []error{
	base.ErrInvalid, base.ErrOverloaded, base.ErrUnavailable, base.ErrModel, base.ErrUnsupported,
	context.Canceled, context.DeadlineExceeded,
}

// trip sends err to the other side.
func trip(err error) error { return hostContract.decodeError(hostContract.encodeError(err)) }

func TestError_SurvivesTheTrip(t *testing.T) {
	for _, s := range sentinels {
		plain := &base.Error{Sentinel: s, Message: "it broke", Hint: "mend it"}
		for form, err := range map[string]error{
			"bare":    s,
			"error":   plain,
			"wrapped": fmt.Errorf("model %q: %w", "m", plain),
			"joined":  errors.Join(errors.New("first"), plain),
		} {
			got := trip(err)
			for _, other := range sentinels {
				if errors.Is(got, other) != (other == s) {
					t.Errorf("%s %q arrives as %q; Is(%q) = %v", form, s, got, other, errors.Is(got, other))
				}
			}
			if got.Error() != err.Error() || base.Hint(got) != base.Hint(err) {
				t.Errorf("%s: got %q, hint %q; want %q, hint %q", form, got, base.Hint(got), err, base.Hint(err))
			}
			if Lost(got) {
				t.Errorf("%s %q arrives as lost, though the host returned it", form, s)
			}
		}
	}
}

func TestError_KeepsEverySentinelOfAJoin(t *testing.T) {
	got := trip(errors.Join(base.ErrUnsupported, &base.Error{Sentinel: base.ErrInvalid, Message: "bad", Hint: "h"}))
	if !errors.Is(got, base.ErrInvalid) || !errors.Is(got, base.ErrUnsupported) || base.Hint(got) != "h" {
		t.Errorf("got %q, hint %q; want both sentinels and the hint", got, base.Hint(got))
	}
	if errors.Is(got, base.ErrModel) {
		t.Errorf("%q is ErrModel; nobody said so", got)
	}
}

func TestError_WithoutSentinelKeepsItsText(t *testing.T) {
	got := trip(errors.New("disk on fire"))
	if got.Error() != "disk on fire" || Lost(got) {
		t.Errorf("got %q, lost %v", got, Lost(got))
	}
	if trip(nil) != nil {
		t.Error("no error became one")
	}
}

func TestError_HasTheDocumentedCode(t *testing.T) {
	for sentinel, code := range map[error]codes.Code{
		base.ErrInvalid:          codes.InvalidArgument,
		base.ErrOverloaded:       codes.ResourceExhausted,
		base.ErrUnavailable:      codes.Unavailable,
		base.ErrModel:            codes.FailedPrecondition,
		base.ErrUnsupported:      codes.Unimplemented,
		context.Canceled:         codes.Canceled,
		context.DeadlineExceeded: codes.DeadlineExceeded,
	} {
		if got := status.Code(hostContract.encodeError(sentinel)); got != code {
			t.Errorf("%q has code %v; want %v", sentinel, got, code)
		}
		foreign := hostContract.decodeError(status.Error(code, "from a host without details"))
		if !Lost(foreign) && !errors.Is(foreign, sentinel) {
			t.Errorf("code %v without details arrives as %q; want %q", code, foreign, sentinel)
		}
	}
}

func TestError_FromTheTransportIsLost(t *testing.T) {
	for _, code := range []codes.Code{codes.Unavailable, codes.Canceled} {
		got := hostContract.decodeError(status.Error(code, "error reading from server: EOF"))
		if !Lost(got) || !errors.Is(got, base.ErrUnavailable) {
			t.Errorf("%v from the transport arrives as %q; want it lost and unavailable", code, got)
		}
	}
}

func TestError_IsBoundedAndValid(t *testing.T) {
	long := strings.Repeat("é", maxErrorText)
	for _, text := range []string{long, "a" + long, "bad \xff byte"} {
		got := trip(&base.Error{Sentinel: base.ErrInvalid, Message: text, Hint: text})
		if !errors.Is(got, base.ErrInvalid) || len(got.Error()) > maxErrorText || !utf8.ValidString(got.Error()) {
			t.Errorf("%.20q… arrives as %d bytes: %.20q…", text, len(got.Error()), got)
		}
		if hint := base.Hint(got); hint == "" || len(hint) > maxErrorText || !utf8.ValidString(hint) {
			t.Errorf("%.20q… has a hint of %d bytes", text, len(hint))
		}
	}
}

func FuzzDecodeStatus(f *testing.F) {
	for _, s := range sentinels {
		err := hostContract.encodeError(&base.Error{Sentinel: s, Message: "m", Hint: "h"})
		data, _ := proto.Marshal(status.Convert(err).Proto())
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var m spb.Status
		if proto.Unmarshal(data, &m) != nil {
			return
		}
		st := status.FromProto(&m)
		err := hostContract.decodeError(st.Err())
		if (err == nil) != (st.Code() == codes.OK) {
			t.Fatalf("status %v decodes to %v", st, err)
		}
		if err != nil {
			_, _ = err.Error(), base.Hint(err)
		}
	})
}
