package server

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/kvasir-cache/kvasir/engine"
	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/openai"
)

// Headers of kvasir's own.
const (
	headerAction    = "X-Kvasir-Action"
	headerKind      = "X-Kvasir-Kind"
	headerScore     = "X-Kvasir-Score"
	headerAge       = "X-Kvasir-Age"
	headerReason    = "X-Kvasir-Reason"
	headerSaved     = "X-Kvasir-Saved-Ms"
	headerStrategy  = "X-Kvasir-Strategy"
	headerTopic     = "X-Kvasir-Topic"
	headerTTL       = "X-Kvasir-TTL"
	headerThreshold = "X-Kvasir-Threshold"
)

// ownHeaders are those of answers.
var ownHeaders = []string{headerAction, headerKind, headerScore, headerAge, headerReason, headerSaved}

const (
	maxTopic = 128 // bytes
	maxTTL   = 36500 * 24 * time.Hour
)

// wishes are what a caller says the cache may do.
type wishes struct {
	engine.Control
	strategy   string
	topic      string
	onlyStored bool
	details    bool // the body says what was decided
}

// controls reports whether the caller may say what the cache does, and is told what it did.
func (x *exchange) controls() bool { return x.access.Control && x.caller.Control }

// wishes reads headers and the kvasir object of a body, of which headers win. Of a caller who may not control,
// nothing counts; the tenant's limits always do.
func (x *exchange) wishes(k *openai.Kvasir) (*wishes, error) {
	w := &wishes{}
	if x.controls() {
		w.details = k.Details
		if err := w.read(x.r.Header, k); err != nil {
			return nil, err
		}
	}
	if most := x.caller.TTL; most > 0 && (w.TTL == 0 || w.TTL > most) {
		w.TTL = most
	}
	return w, nil
}

func (w *wishes) read(h http.Header, k *openai.Kvasir) error {
	pick := func(header, field, value string) (string, string) {
		if given := h.Get(header); given != "" {
			return given, header
		}
		return value, "kvasir." + field
	}
	w.strategy, _ = pick(headerStrategy, "strategy", k.Strategy)
	topic, at := pick(headerTopic, "topic", k.Topic)
	if w.topic = topic; len(topic) > maxTopic || !utf8.ValidString(topic) {
		return openai.Invalid(at, "want at most %d bytes of UTF-8", maxTopic)
	}
	ttl, at := pick(headerTTL, "ttl", k.TTL)
	if err := w.readTTL(ttl, at); err != nil {
		return err
	}
	threshold := ""
	if k.Threshold != nil {
		threshold = strconv.FormatFloat(*k.Threshold, 'g', -1, 64)
	}
	threshold, at = pick(headerThreshold, "threshold", threshold)
	if err := w.readThreshold(threshold, at); err != nil {
		return err
	}
	caching, at := strings.Join(h.Values("Cache-Control"), ","), "Cache-Control"
	if caching == "" {
		caching, at = k.Cache, "kvasir.cache"
	}
	return w.readCaching(caching, at)
}

// readTTL takes a duration with its unit, or seconds.
func (w *wishes) readTTL(text, at string) error {
	if text == "" {
		return nil
	}
	d, err := time.ParseDuration(text)
	if n, errWhole := strconv.ParseUint(text, 10, 32); errWhole == nil {
		d, err = time.Duration(n)*time.Second, nil
	}
	if err != nil || d <= 0 || d > maxTTL {
		return openai.Invalid(at, "found %q, want a time such as 90m, or seconds", clean(text))
	}
	w.TTL = d
	return nil
}

func (w *wishes) readThreshold(text, at string) error {
	if text == "" {
		return nil
	}
	x, err := strconv.ParseFloat(text, 64)
	if err != nil || !(x >= 0 && x <= 1) {
		return openai.Invalid(at, "found %q, want a number from 0 to 1", clean(text))
	}
	w.MinScore = x
	return nil
}

// readCaching takes directives as Cache-Control has them. Those that mean nothing here are passed over.
func (w *wishes) readCaching(text, at string) error {
	for _, directive := range strings.Split(text, ",") {
		name, value, _ := strings.Cut(strings.ToLower(strings.TrimSpace(directive)), "=")
		switch name {
		case "no-cache":
			w.Fresh = true
		case "no-store":
			w.NoStore = true
		case "only-if-cached":
			w.onlyStored = true
		case "max-age":
			n, err := strconv.ParseUint(strings.Trim(value, `"`), 10, 32)
			if err != nil {
				return openai.Invalid(at, "found %q, want max-age with seconds", clean(directive))
			}
			w.MaxAge = time.Duration(n) * time.Second
			w.Fresh = w.Fresh || n == 0
		}
	}
	return nil
}

// decided is what a lookup came to, for headers and bodies.
func (x *exchange) decided(f *engine.Found) *openai.Decision {
	d := &openai.Decision{Action: string(f.Action), Kind: string(f.Kind), Score: f.Score, Reason: f.Reason}
	if f.Action == base.ActionAnswer {
		age := max(0, x.server.options.Now().Sub(f.Stored).Seconds())
		d.AgeS = &age
		d.SavedMS = milliseconds(max(0, f.Cost-time.Since(x.began)))
	}
	return d
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// sendHeaders begins an answer that succeeds, with headers of its own.
func (x *exchange) sendHeaders(with map[string]string) {
	x.headers.Lock()
	defer x.headers.Unlock()
	for name, value := range with {
		x.w.Header().Set(name, value)
	}
	x.w.WriteHeader(http.StatusOK)
}

// tell says in headers what was decided, if the caller may know.
func (x *exchange) tell(d *openai.Decision) {
	x.note.action, x.note.kind, x.note.score = d.Action, d.Kind, d.Score
	x.headers.Lock()
	defer x.headers.Unlock()
	if !x.controls() || x.w.wrote {
		return
	}
	h := x.w.Header()
	h.Set(headerAction, d.Action)
	h.Set(headerReason, clean(d.Reason))
	if d.AgeS != nil {
		h.Set(headerKind, d.Kind)
		h.Set(headerScore, fmt.Sprintf("%.4g", d.Score))
		h.Set(headerAge, fmt.Sprintf("%.0f", *d.AgeS))
		h.Set(headerSaved, fmt.Sprintf("%.3f", d.SavedMS))
	}
}
