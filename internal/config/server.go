package config

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Server is the table [server].
type Server struct {
	Listen     string // HOST:PORT
	Admin      string // HOST:PORT, or AdminOff
	TokenFile  string // of the admin listener; empty: beside the store
	Name       string // of the model; empty: that of its file
	Hosts      []string
	Origins    []string
	Control    bool  // callers may say what the cache does, and are told what it did
	MaxBody    int64 // bytes of a request
	Concurrent int   // requests at once
	Timeout    time.Duration
	Drain      time.Duration
	Log        ServerLog
	OTLP       string // base URL of a collector of traces; empty: only if the environment names one
}

// AdminOff is the Admin of a server without an admin listener.
const AdminOff = "off"

// ServerLog says how a server logs.
type ServerLog string

const (
	LogText ServerLog = "text" // a line for each request
	LogJSON ServerLog = "json" // the same as JSON
	LogOff  ServerLog = "off"  // only what went wrong
)

// Tenant is a table [tenant.NAME]: who may call, with which key and within which limits. 0 is no limit.
type Tenant struct {
	KeySHA256         string // in lower-case hex
	OldKeySHA256      string // a key that still counts; empty: none
	Control           bool
	RequestsPerMinute int
	Concurrent        int
	MaxTokens         int // of an answer
	MaxBody           int64
	TTL               time.Duration
	Share             float64 // of the cache, relative to other tenants
}

const (
	maxRequestBody   = 1 << 30
	maxConcurrent    = 1_000_000
	maxPerMinute     = 1_000_000
	maxServerTimeout = 24 * time.Hour
)

func defaultServer() Server {
	return Server{
		Listen: "127.0.0.1:8080", Admin: "127.0.0.1:8081", Control: true, MaxBody: 8 << 20, Concurrent: 1024,
		Timeout: 10 * time.Minute, Drain: 30 * time.Second, Log: LogText,
	}
}

func defaultTenant() *Tenant { return &Tenant{Control: true, Share: 1} }

func (c *Config) serverNode() *node {
	v := &c.Server
	return table("server", "[server]", []*node{
		single("listen", addressValue{p: &v.Listen},
			"where kvasir serve answers clients"),
		single("admin", addressValue{p: &v.Admin, off: true},
			`where it answers those who look after it; "off" is nowhere`),
		single("token_file", pathValue{p: &v.TokenFile, folder: c.folder},
			`file with the token of the admin listener, made if missing; "" is admin.token beside the store`),
		single("name", textValue{&v.Name},
			`what the model is called; "" is the name of its file`),
		single("hosts", listValue{p: &v.Hosts},
			"names by which clients may call, besides localhost and addresses"),
		single("origins", listValue{p: &v.Origins},
			"origins of web pages that may call, such as https://chat.example"),
		single("control", boolValue{&v.Control},
			"callers may say what the cache does with a request, and are told what it did"),
		single("max_body", sizeValue{&v.MaxBody, 1 << 10, maxRequestBody},
			"most that a request may send"),
		single("concurrent", intValue{p: &v.Concurrent, low: 1, high: maxConcurrent},
			"requests at once; more are turned away"),
		single("timeout", durationValue{p: &v.Timeout, low: time.Second, high: maxServerTimeout, zero: true},
			"how long a request may take; 0 is for ever"),
		single("drain", durationValue{p: &v.Drain, low: time.Millisecond, high: maxServerTimeout, zero: true},
			"how long requests under way may go on when the server is told to stop"),
		single("log", choiceValue[ServerLog]{&v.Log, []ServerLog{LogText, LogJSON, LogOff}},
			"a line for each request, without what was asked"),
		single("otlp", baseURLValue{&v.OTLP},
			`where traces go, by OTLP over HTTP; "" is nowhere, unless OTEL_EXPORTER_OTLP_ENDPOINT is set`),
	})
}

func (c *Config) tenantsNode() *node {
	n := table("tenant", "[tenant]", nil)
	n.example = "[tenant.acme]"
	for _, name := range c.TenantNames() {
		n.children = append(n.children, tenantNode(name, c.Tenants[name]))
	}
	n.named = func(name string) *node {
		t := defaultTenant()
		c.Tenants[name] = t
		child := tenantNode(name, t)
		n.children = append(n.children, child)
		return child
	}
	return n
}

func tenantNode(name string, t *Tenant) *node {
	return table("tenant."+name, "[tenant."+name+"]", []*node{
		single("key_sha256", hashValue{&t.KeySHA256},
			"SHA-256 of the key that the tenant's clients send"),
		single("old_key_sha256", hashValue{&t.OldKeySHA256},
			`SHA-256 of a key that counts as well, while keys are changed; "" is none`),
		single("control", boolValue{&t.Control},
			"its callers may say what the cache does with a request, if [server] lets them"),
		single("requests_per_minute", intValue{p: &t.RequestsPerMinute, low: 1, high: maxPerMinute, zero: true},
			"requests a minute, of which that many may come at once; 0 is no limit"),
		single("concurrent", intValue{p: &t.Concurrent, low: 1, high: maxConcurrent, zero: true},
			"requests at once; 0 is no limit"),
		single("max_tokens", intValue{p: &t.MaxTokens, low: 1, high: maxContext, zero: true},
			"most tokens of an answer; 0 is no limit"),
		single("max_body", sizeValue{&t.MaxBody, 0, maxRequestBody},
			"most that a request may send, if [server] does not allow less; 0 is no limit"),
		single("ttl", durationValue{p: &t.TTL, low: time.Millisecond, high: maxDays * day, zero: true},
			"how long its answers serve, if [cache] does not say less; 0 is that long"),
		single("share", numberValue{p: &t.Share, low: 0.001, high: 1000},
			"how much of the cache its answers may keep where not all fit, relative to other tenants"),
	})
}

// TenantNames returns the names of the tenants in their order.
func (c *Config) TenantNames() []string {
	names := make([]string, 0, len(c.Tenants))
	for name := range c.Tenants {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// checkTenant reports a tenant without a key, or with another's.
func (c *Config) checkTenant(name string) *Problem {
	t, key := c.Tenants[name], "tenant."+name
	if c.failed[key] || c.failed[key+".key_sha256"] {
		return nil
	}
	if t.KeySHA256 == "" {
		return c.problem(key, "found no key_sha256, want the SHA-256 of the tenant's key")
	}
	for _, other := range c.TenantNames() {
		if o := c.Tenants[other]; other < name && shareKey(t, o) {
			return c.problem(key, "found a key that tenant.%s has too, want one of its own", other)
		}
	}
	return nil
}

func shareKey(a, b *Tenant) bool {
	for _, key := range []string{a.KeySHA256, a.OldKeySHA256} {
		if key != "" && (key == b.KeySHA256 || key == b.OldKeySHA256) {
			return true
		}
	}
	return false
}

// checkListen reports a listener that others can reach while nobody needs a key.
func (c *Config) checkListen() *Problem {
	if len(c.Tenants) > 0 || c.failed["server.listen"] || IsLoopback(c.Server.Listen) {
		return nil
	}
	return c.problem("server.listen", "found %s, which other machines can reach; want a loopback address, or a [tenant.NAME] with a key",
		quoteShort(c.Server.Listen))
}

// IsLoopback says whether only this machine reaches an address.
func IsLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && ip.IsLoopback()
}

// addressValue is HOST:PORT, where HOST may be left out for all addresses. With off, it may be "off".
type addressValue struct {
	p   *string
	off bool
}

func (a addressValue) get() any { return *a.p }

func (a addressValue) want() string {
	text := `an address HOST:PORT, such as "127.0.0.1:8080" or ":8080"`
	if a.off {
		return fmt.Sprintf("%s, or %q", text, AdminOff)
	}
	return text
}

func (a addressValue) set(v any) bool {
	text, ok := v.(string)
	if !ok || !isAddress(text) && !(a.off && text == AdminOff) {
		return false
	}
	*a.p = text
	return true
}

func isAddress(text string) bool {
	host, port, err := net.SplitHostPort(text)
	if err != nil || strings.ContainsFunc(host, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '/' }) {
		return false
	}
	_, err = strconv.ParseUint(port, 10, 16)
	return err == nil
}
