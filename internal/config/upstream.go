package config

import (
	"net/url"
	"strings"
	"time"
)

// Upstream is the table [upstream].
type Upstream struct {
	URL     string // empty: not said
	Model   string // empty: not said
	KeyEnv  string // names the environment variable with the key; empty: there is no key
	Retries int
	Timeout time.Duration // that it may be silent
}

const maxRetries = 10

func (c *Config) upstreamNode() *node {
	v := &c.Upstream
	return table("upstream", "[upstream]", []*node{
		single("url", baseURLValue{&v.URL},
			"where the server is, up to where paths such as /chat/completions begin"),
		single("model", textValue{&v.Model},
			"what the model is called there"),
		single("key_env", envValue{&v.KeyEnv},
			`name of the environment variable with the key; "" sends none`),
		single("retries", intValue{p: &v.Retries, high: maxRetries},
			"how often a request that has not begun is sent again"),
		single("timeout", durationValue{p: &v.Timeout, low: time.Second, high: maxServerTimeout},
			"how long the server may be silent"),
	})
}

// checkUpstream reports what an upstream needs and does not have.
func (c *Config) checkUpstream() *Problem {
	u := &c.Upstream
	switch {
	case c.Host.Kind != HostOpenAI:
		return nil
	case u.URL == "" && !c.failed["upstream.url"]:
		return c.problem("upstream.url", `found none, which host.kind "openai" needs; want a URL such as "https://llm.example/v1"`)
	case u.Model == "" && !c.failed["upstream.model"]:
		return c.problem("upstream.model", `found none, which host.kind "openai" needs; want what the model is called there`)
	}
	return nil
}

// baseURLValue is an address of http or https without anything secret in it, or nothing.
type baseURLValue struct{ p *string }

func (u baseURLValue) get() any { return *u.p }
func (baseURLValue) discreet()  {}

func (u baseURLValue) want() string {
	return `a URL of http or https without name, password, ? and #, such as "https://llm.example/v1", or ""`
}

func (u baseURLValue) set(v any) bool {
	text, ok := v.(string)
	if ok = ok && (text == "" || isBaseURL(text)); ok {
		*u.p = text
	}
	return ok
}

func isBaseURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil && !strings.ContainsAny(text, "?#")
}

// envValue is the name of an environment variable, or nothing. A key that was written in its place by mistake
// is refused where it does not look like a name.
type envValue struct{ p *string }

func (e envValue) get() any { return *e.p }
func (envValue) discreet()  {}

func (e envValue) want() string {
	return `the name of an environment variable (capitals, digits and _), or ""`
}

func (e envValue) set(v any) bool {
	text, ok := v.(string)
	const letters, digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZ_", "0123456789"
	if ok = ok && strings.Trim(text, letters+digits) == "" && (text == "" || strings.Contains(letters, text[:1])); ok {
		*e.p = text
	}
	return ok
}
