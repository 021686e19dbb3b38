package server

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/kvasir-cache/kvasir/internal/openai"
)

// route is what answers a method at a path.
type route struct {
	handle  func(ctx context.Context, x *exchange) error
	open    bool // nobody needs a key
	limited bool // it counts against limits
	body    bool // it takes JSON
}

// routes are by path, then by method. A path that ends in * takes a name in its place.
type routes map[string]map[string]*route

// API answers clients.
func (s *Server) API() http.Handler {
	get := func(handle func(context.Context, *exchange) error, open bool) map[string]*route {
		return map[string]*route{http.MethodGet: {handle: handle, open: open}}
	}
	infer := func(handle func(context.Context, *exchange) error) map[string]*route {
		return map[string]*route{http.MethodPost: {handle: handle, limited: true, body: true}}
	}
	all := routes{
		"/v1/chat/completions": infer(chat),
		"/v1/completions":      infer(completion),
		"/v1/embeddings":       infer(embeddings),
		"/v1/models":           get(models, false),
		"/v1/models/*":         get(model, false),
		"/health":              get(health, true),
		"/ready":               get(ready, true),
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, all, (*access).identify) })
}

// route finds the route of a request. It is nil if there is nothing left to do.
func (x *exchange) route(all routes) (*route, error) {
	if x.r.Method == http.MethodOptions && x.r.Header.Get("Origin") != "" {
		x.preflight()
		return nil, nil
	}
	if err := checkPath(x.r); err != nil {
		return nil, err
	}
	pattern, methods := x.r.URL.Path, all[x.r.URL.Path]
	if strings.HasSuffix(pattern, "*") {
		methods = nil
	}
	for prefix := range all {
		head, isPrefix := strings.CutSuffix(prefix, "*")
		if rest, ok := strings.CutPrefix(x.r.URL.Path, head); isPrefix && ok && methods == nil && rest != "" {
			pattern, methods, x.name = prefix, all[prefix], rest
		}
	}
	if methods == nil {
		return nil, notFound()
	}
	x.note.endpoint = pattern
	method := x.r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	if methods[method] == nil {
		return nil, x.wrongMethod(methods)
	}
	return methods[method], nil
}

func (x *exchange) wrongMethod(methods map[string]*route) error {
	var allowed []string
	for method := range methods {
		allowed = append(allowed, method)
	}
	slices.Sort(allowed)
	x.w.Header().Set("Allow", strings.Join(allowed, ", "))
	return &openai.Error{Status: http.StatusMethodNotAllowed, Type: openai.TypeInvalid, Code: "method_not_allowed",
		Message: "this path takes " + strings.Join(allowed, ", ")}
}

// allowOrigin tells a browser that the page which calls may read the answer.
func (x *exchange) allowOrigin() {
	origin := x.r.Header.Get("Origin")
	if origin == "" {
		return
	}
	h := x.w.Header()
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Expose-Headers", strings.Join(append(slices.Clone(ownHeaders), "X-Request-Id", "Retry-After"), ", "))
	h.Add("Vary", "Origin")
}

// preflight answers a browser that asks what a page may send.
func (x *exchange) preflight() {
	h := x.w.Header()
	h.Set("Access-Control-Allow-Methods", "GET, POST, DELETE")
	h.Set("Access-Control-Allow-Headers", "Authorization, *")
	h.Set("Access-Control-Max-Age", "600")
	x.w.WriteHeader(http.StatusNoContent)
}
