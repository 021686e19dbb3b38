package server

import (
	"context"
	"embed"
	"net/http"
)

// dashboard is the page of the admin listener. Anybody may have it: it holds nothing, and asks for the token.
//
//go:embed dashboard
var dashboard embed.FS

// pagePolicy lets the page load what is here and nothing else, and lets no other page frame it.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// page returns a handler of one file of the dashboard.
func page(file, kind string) map[string]*route {
	content, err := dashboard.ReadFile("dashboard/" + file)
	if err != nil {
		panic(err) // it is part of the program
	}
	return map[string]*route{http.MethodGet: {open: true, handle: func(_ context.Context, x *exchange) error {
		h := x.w.Header()
		h.Set("Content-Type", kind+"; charset=utf-8")
		h.Set("Content-Security-Policy", pagePolicy)
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-cache")
		_, err := x.w.Write(content)
		return err
	}}}
}
