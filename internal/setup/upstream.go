package setup

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strings"

	"github.com/kvasir-cache/kvasir/engine"
	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/config"
	"github.com/kvasir-cache/kvasir/internal/fingerprint"
	"github.com/kvasir-cache/kvasir/internal/upstream"
)

// IdentifyHost names the model that answers: that of a file (see Identify), or that of an upstream.
func IdentifyHost(ctx context.Context, c *config.Config, load base.LoadOptions) (id engine.ModelID, gone bool, err error) {
	if c.Host.Kind == config.HostOpenAI {
		return UpstreamID(&c.Upstream), false, nil
	}
	return Identify(ctx, load)
}

// UpstreamID names the model of an upstream by its address and what it is called there.
func UpstreamID(u *config.Upstream) engine.ModelID {
	return fingerprint.UpstreamID(upstream.CleanURL(u.URL), u.Model)
}

// OpenUpstream returns a host that has the upstream of c answer, with the key of the environment. It notes where
// the key would travel for all to read.
func OpenUpstream(c *config.Config, note func(format string, args ...any)) (Host, error) {
	u := &c.Upstream
	key, err := keyOf(u)
	if err != nil {
		return nil, err
	}
	if key != "" && inTheClear(u.URL) {
		note("the upstream's key goes to %s without TLS", upstream.CleanURL(u.URL))
	}
	host, err := upstream.Open(upstream.Options{URL: u.URL, Model: u.Model, Key: key, Retries: u.Retries, Timeout: u.Timeout})
	if err != nil {
		return nil, err // not a nil *upstream.Host in an interface
	}
	return host, nil
}

func keyOf(u *config.Upstream) (string, error) {
	if u.KeyEnv == "" {
		return "", nil
	}
	key := strings.TrimSpace(os.Getenv(u.KeyEnv))
	if key == "" {
		return "", &base.Error{Sentinel: base.ErrUnavailable, Message: fmt.Sprintf("upstream: the environment variable %s, which is to hold its key, is not set", u.KeyEnv),
			Hint: "set it, or leave [upstream] key_env out for an upstream that needs no key"}
	}
	return key, nil
}

// inTheClear reports whether others can read what is sent to a URL.
func inTheClear(text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" {
		return false
	}
	host := u.Hostname()
	ip, err := netip.ParseAddr(host)
	return host != "localhost" && (err != nil || !net.IP(ip.AsSlice()).IsLoopback())
}
