package upstream

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// Options of a Host. URL and Model have to be given.
type Options struct {
	URL     string // that paths such as /chat/completions are added to; see CheckURL
	Model   string // what it is called there
	Key     string // empty means that none is sent
	Retries int    // of a request that has not begun; 0 means none
	// Timeout bounds how long the upstream may be silent, before its answer and within it; 0 means 5 minutes.
	Timeout time.Duration

	Client *http.Client                                // nil means one that follows no redirects
	Sleep  func(done <-chan struct{}, d time.Duration) // nil means a real one; it returns early when done is closed
}

const defaultTimeout = 5 * time.Minute

func (o Options) withDefaults() (Options, error) {
	if err := CheckURL(o.URL); err != nil {
		return o, &base.Error{Sentinel: base.ErrInvalid, Message: "upstream: " + err.Error()}
	}
	if o.Model == "" {
		return o, &base.Error{Sentinel: base.ErrInvalid, Message: "upstream: no model is named"}
	}
	o.URL = CleanURL(o.URL)
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	if o.Client == nil {
		o.Client = newClient()
	}
	if o.Sleep == nil {
		o.Sleep = sleep
	}
	return o, nil
}

// CheckURL refuses what is no base URL. Whoever has a key in it is told so, since it would be shown.
func CheckURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.Opaque != "":
		return errors.New("the URL is not one of http or https, such as http://127.0.0.1:8000/v1")
	case u.User != nil:
		return errors.New("the URL has a name or a password, which would be shown; the key belongs in an environment variable")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.Contains(text, "#"):
		return errors.New("the URL has something behind its path")
	}
	return nil
}

// CleanURL returns a URL that CheckURL takes in the one form of all that are the same address.
func CleanURL(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return text
	}
	u.Host = strings.ToLower(u.Host)
	return strings.TrimRight(u.String(), "/")
}

func sleep(done <-chan struct{}, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-done:
	}
}
