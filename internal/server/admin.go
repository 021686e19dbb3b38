package server

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/kvasir-cache/kvasir/engine"
	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/control"
	"github.com/kvasir-cache/kvasir/internal/openai"
)

// Admin answers those who look after the server. All of it but the page itself needs the token, and nothing of
// it a tenant's key.
func (s *Server) Admin() http.Handler {
	get := func(handle func(context.Context, *exchange) error) map[string]*route {
		return map[string]*route{http.MethodGet: {handle: handle}}
	}
	all := routes{
		"/":              page("index.html", "text/html"),
		"/dashboard.css": page("dashboard.css", "text/css"),
		"/dashboard.js":  page("dashboard.js", "text/javascript"),
		"/charts.js":     page("charts.js", "text/javascript"),
		"/icon.svg":      page("icon.svg", "image/svg+xml"),
		"/history":       get(pastOf),
		"/stats":         get(stats),
		"/metrics":       get(s.prometheus()),
		"/entries":       get(entries),
		"/entries/*": {
			http.MethodGet:    {handle: entry},
			http.MethodDelete: {handle: removeEntry},
		},
		"/why": {http.MethodPost: {handle: why, body: true}},
		"/bad": {
			http.MethodGet:  {handle: badList},
			http.MethodPost: {handle: bad, body: true},
		},
		"/plugins": get(plugins),
		"/reload":  {http.MethodPost: {handle: reload}},
		"/health":  get(hostHealth),
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, all, s.identifyAdmin) })
}

// identifyAdmin asks for the token. Hashes are compared, so the time that takes tells nothing of it.
func (s *Server) identifyAdmin(_ *access, r *http.Request) (*caller, error) {
	given, want := sha256.Sum256([]byte(bearer(r))), sha256.Sum256([]byte(s.options.Token))
	if subtle.ConstantTimeCompare(given[:], want[:]) != 1 {
		return nil, unauthorized("want Authorization: Bearer TOKEN, with the token of the admin listener")
	}
	return &caller{Tenant: Tenant{Control: true}, use: &use{}}, nil
}

// needStore returns the store, or why there is none.
func (x *exchange) needStore() (control.Store, error) {
	if store := x.server.options.Model.Store(); store != nil {
		return store, nil
	}
	return nil, &base.Error{Sentinel: base.ErrUnavailable, Message: "the server runs without a store"}
}

func stats(ctx context.Context, x *exchange) error {
	store, err := x.needStore()
	if err != nil {
		return err
	}
	all, err := store.Stats(ctx)
	if err != nil {
		return err
	}
	return x.json(http.StatusOK, all)
}

func (s *Server) prometheus() func(context.Context, *exchange) error {
	handler := promhttp.HandlerFor(s.metrics.registry, promhttp.HandlerOpts{ErrorLog: quiet(s.options.Logger)})
	return func(_ context.Context, x *exchange) error {
		handler.ServeHTTP(x.w, x.r)
		return nil
	}
}

// mostEntries is how many entries one page has at most.
const mostEntries = 1000

// entries answers GET /entries?from=ID&limit=N&search=TEXT with a page, oldest first. A page of a search may have
// fewer than limit, and say that it goes on.
func entries(ctx context.Context, x *exchange) error {
	store, err := x.needStore()
	if err != nil {
		return err
	}
	limit, err := x.number("limit", 0, mostEntries)
	if err != nil {
		return err
	}
	query := x.r.URL.Query()
	text, from := query.Get("search"), query.Get("from")
	if len(text) > mostSearch {
		return openai.Invalid("search", "want at most %d bytes", mostSearch)
	}
	list, next, err := []engine.Entry(nil), "", error(nil)
	if text != "" {
		list, next, err = search(ctx, store, text, from, cmp.Or(limit, searchPage))
	} else {
		list, next, err = store.List(ctx, from, limit)
	}
	if err != nil {
		return err
	}
	if list == nil {
		list = []engine.Entry{}
	}
	return x.json(http.StatusOK, map[string]any{"entries": list, "next": next})
}

func entry(ctx context.Context, x *exchange) error {
	store, err := x.needStore()
	if err != nil {
		return err
	}
	e, err := store.Get(ctx, x.name)
	if err != nil {
		return err
	}
	return x.json(http.StatusOK, e)
}

func removeEntry(ctx context.Context, x *exchange) error {
	store, err := x.needStore()
	if err != nil {
		return err
	}
	if err := store.Remove(ctx, x.name); err != nil {
		return err
	}
	return x.json(http.StatusOK, map[string]string{"removed": x.name})
}

// why answers POST /why?tenant=NAME, with the body of a chat or text completion, by what the cache would do.
func why(ctx context.Context, x *exchange) error {
	request, k, err := x.askWhy()
	if err != nil {
		return err
	}
	tenant := x.r.URL.Query().Get("tenant")
	if err := x.access.knowsTenant(tenant); err != nil {
		return err
	}
	explained, err := x.server.options.Model.Why(ctx, &engine.Query{Tenant: tenant, Request: request, Strategy: k.Strategy})
	if err != nil {
		return err
	}
	return x.json(http.StatusOK, explained)
}

// askWhy reads the body of either kind of completion.
func (x *exchange) askWhy() (*base.Request, *openai.Kvasir, error) {
	chat, invalid := x.decodeChat()
	if invalid == nil {
		request, err := x.askChat(chat)
		return request, &chat.Kvasir, err
	}
	text, invalidText := x.decodeCompletion()
	if invalidText != nil || len(text.Prompts) > 1 {
		return nil, nil, invalid
	}
	requests, err := x.askCompletion(text)
	if err != nil {
		return nil, nil, err
	}
	return requests[0], &text.Kvasir, nil
}

// knowsTenant takes the names of tenants, and no name where there are none.
func (a *access) knowsTenant(name string) error {
	for _, t := range a.Tenants {
		if t.Name == name {
			return nil
		}
	}
	if name == "" && len(a.Tenants) == 0 {
		return nil
	}
	return openai.Invalid("tenant", "found %q, want the name of a tenant", clean(name))
}

// tenantNames are those of the settings, which may be none.
func (a *access) tenantNames() []string {
	names := make([]string, 0, len(a.Tenants))
	for _, t := range a.Tenants {
		names = append(names, t.Name)
	}
	return names
}

func plugins(_ context.Context, x *exchange) error {
	list := x.server.options.Model.Plugins()
	if list == nil {
		return x.json(http.StatusOK, map[string]any{"plugins": []string{}})
	}
	return x.json(http.StatusOK, map[string]any{"plugins": list})
}

// reload answers POST /reload: plugins, and what may change of the settings, are read anew.
func reload(ctx context.Context, x *exchange) error {
	if x.server.options.Reload == nil {
		return errors.New("reload: nobody does it")
	}
	if err := x.server.options.Reload(ctx); err != nil {
		return &openai.Error{Status: http.StatusUnprocessableEntity, Type: openai.TypeInvalid, Code: "not_reloaded",
			Message: "what could not be read goes on as it was: " + err.Error()}
	}
	return x.json(http.StatusOK, map[string]string{"status": "reloaded"})
}

// hostHealth answers GET /health with the state of the host.
func hostHealth(_ context.Context, x *exchange) error {
	pid, deaths, refused := x.server.options.Model.Process()
	return x.json(http.StatusOK, map[string]any{
		"status": x.server.state(), "version": x.server.options.Version, "model": x.server.options.Name,
		"uptime_s": int(x.server.options.Now().Sub(x.server.began).Seconds()), "running": x.server.running.n.Load(),
		"tenants": x.access.tenantNames(), "host": map[string]any{"pid": pid, "deaths": deaths, "refused": refused},
	})
}
