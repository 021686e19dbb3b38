package fingerprint

import (
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/kvasir-cache/kvasir/internal/base"
)

func TestParseCanonical_GivesBackTheEffectiveRequest(t *testing.T) {
	r := drawn()
	c := canonicalize(t, r)
	got, err := ParseCanonical(c.Bytes, c.Subject)
	if err != nil {
		t.Fatal(err)
	}
	want := drawn()
	want.MaxTokens = 0
	slices.Reverse(want.Sampling.LogitBias)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestParseCanonical_RefusesOtherEncodings(t *testing.T) {
	const turn = "\x01\x01\x01\x01" // version, form: turn
	for _, c := range []struct{ name, encoded, subject string }{
		{"nothing", "", "q"},
		{"version only", "\x01", "q"},
		{"another version", "\x02\x01\x01\x01", "q"},
		{"no such form", "\x01\x01\x01\x09", "q"},
		{"form of no byte", "\x01\x01\x00", "q"},
		{"unknown field", turn + "\x63\x01\x00", "q"},
		{"field twice", turn + "\x01\x01\x01", "q"},
		{"fields out of order", "\x01\x0e\x01a\x01\x01\x01", "q"},
		{"length missing", turn + "\x0e", "q"},
		{"length too long", turn + "\x0e\x05a", "q"},
		{"length of 2^63", turn + "\x0e\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01a", "q"},
		{"length over 64 bits", turn + "\x0e\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01a", "q"},
		{"length not the shortest", turn + "\x0e\x81\x00a", "q"},
		{"empty field", turn + "\x0e\x00", "q"},
		{"float of three bytes", turn + "\x04\x03\x3f\x00\x00", "q"},
		{"zero written out", turn + "\x04\x04\x00\x00\x00\x00", "q"},
		{"negative zero", turn + "\x04\x04\x80\x00\x00\x00", "q"},
		{"not a number", turn + "\x04\x04\x7f\xc0\x00\x00", "q"},
		{"seed of a greedy answer", turn + "\x08\x04\x00\x00\x00\x01", "q"},
		{"top-p of 1", turn + "\x04\x04\x3f\x00\x00\x00\x06\x04\x3f\x80\x00\x00", "q"},
		{"penalty without its range", turn + "\x0b\x04\x3f\x00\x00\x00", "q"},
		{"range without penalty", turn + "\x0a\x04\x00\x00\x00\x40", "q"},
		{"half a bias", turn + "\x0d\x04\x00\x00\x00\x01", "q"},
		{"biases out of order", turn + "\x0d\x10\x00\x00\x00\x02\x3f\x80\x00\x00\x00\x00\x00\x01\x3f\x80\x00\x00", "q"},
		{"bias of zero", turn + "\x0d\x08\x00\x00\x00\x02\x00\x00\x00\x00", "q"},
		{"stop strings out of order", turn + "\x03\x04\x01b\x01a", "q"},
		{"stop string twice", turn + "\x03\x04\x01a\x01a", "q"},
		{"message without content", turn + "\x02\x02\x01r", "q"},
		{"message without role", turn + "\x02\x03\x00\x01c", "q"},
		{"message that ends early", turn + "\x02\x04\x01r\x05c", "q"},
		{"subject not UTF-8", turn, "\xff"},
		{"conversation of nothing", "\x01\x01\x01\x02", ""},
		{"conversation with subject", "\x01\x01\x01\x02\x02\x08\x06system\x00", "q"},
		{"conversation that ends with a question", "\x01\x01\x01\x02\x02\x07\x04user\x01q", ""},
		{"prompt of nothing", "\x01\x01\x01\x03", ""},
		{"prompt with messages", "\x01\x01\x01\x03\x02\x07\x04user\x01q", "q"},
		{"tokens of nothing", "\x01\x01\x01\x04", ""},
		{"half a token", "\x01\x01\x01\x04", "\x00\x00"},
	} {
		if r, err := ParseCanonical([]byte(c.encoded), c.subject); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %+v, error %v; want ErrMalformed", c.name, r, err)
		}
	}
}

func TestParseCanonical_SaysWhere(t *testing.T) {
	_, err := ParseCanonical([]byte("\x01\x01\x01\x01\x04\x03abc"), "q")
	if err == nil || !strings.Contains(err.Error(), "field 4 (temperature)") {
		t.Errorf("error %v does not name the field", err)
	}
}

// FuzzParseCanonical checks that no input makes the parser panic, and that whatever it accepts is
// what Canonicalize makes of the request it returns.
func FuzzParseCanonical(f *testing.F) {
	seed := uint32(0)
	for _, r := range []*base.Request{
		drawn(),
		{Messages: user("q")},
		{Messages: []base.Message{{Role: "user", Content: "q"}, {Role: "assistant", Content: "a"}}},
		{Prompt: "q", Stop: []string{"a", "b"}, Sampling: base.Sampling{Temperature: 1, Seed: &seed}},
		{Tokens: []base.Token{1, -1}, Sampling: base.Sampling{LogitBias: []base.LogitBias{{Token: 1, Bias: float32(math.Inf(-1))}}}},
	} {
		c := canonicalize(f, r)
		f.Add(c.Bytes, c.Subject)
	}
	f.Fuzz(func(t *testing.T, encoded []byte, subject string) {
		r, err := ParseCanonical(encoded, subject)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatalf("error %v is not ErrMalformed", err)
			}
			return
		}
		c := canonicalize(t, r)
		if string(c.Bytes) != string(encoded) || c.Subject != subject {
			t.Fatalf("%x, %q became %x, %q", encoded, subject, c.Bytes, c.Subject)
		}
	})
}
