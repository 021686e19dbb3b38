package server

import (
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path"
	"strings"
	"time"

	"github.com/kvasir-cache/kvasir/internal/openai"
)

// checkSource refuses requests that a web page had a browser send: under a name that was made to lead here, or
// from a page that may not call.
func (a *access) checkSource(r *http.Request) error {
	if !a.knowsHost(r.Host) {
		return &openai.Error{Status: http.StatusMisdirectedRequest, Type: openai.TypeInvalid, Code: "unknown_host",
			Message: "the server does not go by the name of the Host header; server.hosts lists its names"}
	}
	if !a.knowsOrigin(r) {
		return &openai.Error{Status: http.StatusForbidden, Type: openai.TypeInvalid, Code: "unknown_origin",
			Message: "pages of this origin may not call; server.origins lists those that may"}
	}
	return nil
}

// knowsHost takes addresses, localhost and the names of the settings.
func (a *access) knowsHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return host == "localhost" || a.hosts[host]
}

// knowsOrigin takes requests that no page sent, those of pages from here, and those of the settings.
func (a *access) knowsOrigin(r *http.Request) bool {
	origin := strings.ToLower(r.Header.Get("Origin"))
	if origin == "" || a.origins[origin] {
		return len(r.Header.Values("Origin")) <= 1
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, r.Host)
}

// checkPath refuses paths that are written in a way that nobody needs.
func checkPath(r *http.Request) error {
	p := r.URL.Path
	if p == "" || p[0] != '/' || path.Clean(p) != p || strings.ContainsAny(p, "\\\x00") {
		return notFound()
	}
	return nil
}

func notFound() error {
	return &openai.Error{Status: http.StatusNotFound, Type: openai.TypeInvalid, Code: "unknown_url", Message: "nothing is at this path"}
}

// readBody reads a JSON body of at most limit bytes.
func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	if err := checkContent(r); err != nil {
		return nil, err
	}
	if r.ContentLength > limit {
		return nil, tooLarge()
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	var large *http.MaxBytesError
	switch {
	case err == nil:
		_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // of one that failed, the rest has to come in time too
		return body, nil
	case errors.As(err, &large):
		return nil, tooLarge()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, &openai.Error{Status: http.StatusRequestTimeout, Type: openai.TypeInvalid, Message: "the body took too long to arrive"}
	}
	return nil, &openai.Error{Status: http.StatusBadRequest, Type: openai.TypeInvalid, Message: "the body did not arrive whole"}
}

func tooLarge() error {
	return &openai.Error{Status: http.StatusRequestEntityTooLarge, Type: openai.TypeInvalid, Code: "request_too_large", Message: "the body is larger than the server takes"}
}

// checkContent requires plain JSON, which no form of a web page can send.
func checkContent(r *http.Request) error {
	kind, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return unsupportedMedia("the Content-Type has to be application/json")
	}
	if charset := parameters["charset"]; charset != "" && !strings.EqualFold(charset, "utf-8") {
		return unsupportedMedia("the body has to be UTF-8")
	}
	if coding := r.Header.Get("Content-Encoding"); coding != "" && coding != "identity" {
		return unsupportedMedia("the body has to come without a Content-Encoding")
	}
	return nil
}

func unsupportedMedia(message string) error {
	return &openai.Error{Status: http.StatusUnsupportedMediaType, Type: openai.TypeInvalid, Message: message}
}
