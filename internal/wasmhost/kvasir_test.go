package wasmhost

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/hostapi"
	"github.com/kvasir-cache/kvasir/internal/ngram"
	"github.com/kvasir-cache/kvasir/internal/textfold"
)

// hexSet is a set as host.c prints it.
func hexSet(s ngram.Spec, text string) string {
	var b []byte
	for _, v := range s.AppendSet(nil, text) {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	return hex.EncodeToString(b)
}

func TestKvasir_FunctionsGiveWhatTheHostComputes(t *testing.T) {
	p := loadFixture(t, "host", func(o *Options) {
		o.Config = []byte(`{"text":"with \"quotes\"","number":1.50,"list":[1, 2],"none":null}`)
		o.Grants = []hostapi.Grant{hostapi.GrantTokenize}
		o.Services = everyService()
	})
	for _, c := range []struct{ command, want string }{
		{"ctext", `with "quotes"`},
		{"cnumber", "1.50"},
		{"clist", "[1, 2]"},
		{"cnone", "null"},
		{"cabsent", "-1"},
		{"c" + strings.Repeat("k", maxKey+1), "-1"},
		{"f4GRÖSSE", textfold.Fold("GRÖSSE", textfold.Case)},
		{"f8 a  b ", "a b"},
		{"f@diácritics", "diacritics"}, // '@' is 16 above '0'
		{"fPno such flag", "-1"},       // and 'P' is 32
		{"s4ABC", "3abc.."},
		{"s4ABCD", "4....."}, // nothing is written where it does not fit
		{"gtext", hexSet(ngram.Spec{Unit: ngram.Char, Min: 1, Max: 3}, "text")},
		{"wsome more words", hexSet(ngram.Spec{Unit: ngram.Word, Min: 1, Max: 2}, "some more words")},
		{"jabcdabxx", "1000 200 "},
		{"Sx", "250 0 "},
		{"tabc", "1 3 -1 "},
		{"tfail", "-1"},
	} {
		if got, err := p.Normalize(t.Context(), c.command); got != c.want || err != nil {
			t.Errorf("%s: got %q, %v, want %q", c.command, got, err, c.want)
		}
	}
}

func TestKvasir_ErrorsAndMetricsAreBounded(t *testing.T) {
	p := loadFixture(t, "host", func(o *Options) { o.Grants = []hostapi.Grant{hostapi.GrantTokenize}; o.Services = everyService() })
	_, err := p.Normalize(t.Context(), "e"+strings.Repeat("long and ", 1000))
	if !errors.Is(err, hostapi.ErrFailed) || len(err.Error()) > hostapi.MaxMessage+200 || !strings.Contains(err.Error(), "long and long") {
		t.Errorf("a long error: %v", err)
	}
	for _, command := range []string{"m3hits", "m4hits", "m1not a name", "nnan", "M."} {
		if _, err := p.Normalize(t.Context(), command); err != nil {
			t.Fatal(err)
		}
	}
	if m := p.Stats().Metrics; m["hits"] != 7 || len(m) != maxMetrics || m["not a name"] != 0 || m["an"] != 1 {
		t.Errorf("metrics are %v", m)
	}
}

func TestKvasir_LogNamesThePluginAndIsLimited(t *testing.T) {
	var out bytes.Buffer
	p := loadFixture(t, "host", func(o *Options) {
		o.Logger = slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelInfo}))
		o.Grants, o.Services = []hostapi.Grant{hostapi.GrantTokenize}, everyService()
	})
	for _, command := range []string{"l0too quiet", "l1some\nnews", "l2a warning", "l3bad", "l9worse"} {
		p.Normalize(t.Context(), command)
	}
	for _, want := range []string{
		`level=INFO msg="some; news" plugin=host`, `level=WARN msg="a warning" plugin=host`, "level=ERROR msg=bad", "level=ERROR msg=worse",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the log is\n%swant %s", out.String(), want)
		}
	}
	if strings.Contains(out.String(), "quiet") {
		t.Errorf("a line below the logger's level is in\n%s", out.String())
	}
	for i := range 200 {
		p.Normalize(t.Context(), fmt.Sprint("l1line ", i))
	}
	if n := strings.Count(out.String(), "msg=\"line"); n < 10 || n > 100 {
		t.Errorf("%d of 200 lines are in the log", n)
	}
	if p.Stats().Quiet == 0 {
		t.Error("no line counts as left out")
	}
}

func TestGuestLog_SaysHowMuchIsMissing(t *testing.T) {
	l := newGuestLog(quiet, "p")
	now := time.Now()
	for range logBurst {
		if _, ok := l.admit(now); !ok {
			t.Fatal("a line within the burst is left out")
		}
	}
	for range 3 {
		if _, ok := l.admit(now); ok {
			t.Fatal("a line over the burst is written")
		}
	}
	if missed, ok := l.admit(now.Add(logRefill)); !ok || missed != 3 {
		t.Errorf("later: %d missed, %t; want 3 missed", missed, ok)
	}
}

func TestKvasir_Grants(t *testing.T) {
	p := loadFixture(t, "granted", func(o *Options) {
		o.Grants = []hostapi.Grant{hostapi.GrantKV, hostapi.GrantNow, hostapi.GrantRandom}
		o.Services = everyService()
	})
	for _, c := range []struct{ command, want string }{
		{"gcolour", "-1"}, {"pcolour", "0"}, {"gcolour", "a value"}, {"pfull", "-1"}, {"dcolour", "0"}, {"gcolour", ""},
		{"n", "1234"}, {"r", "random bytes"},
	} {
		d, err := p.Hook(t.Context(), &hostapi.Event{Hook: hostapi.RoleOnLookup, Tenant: c.command})
		if err != nil || d.Reason != c.want {
			t.Errorf("%s: got %+v, %v, want %q", c.command, d, err, c.want)
		}
	}
}
