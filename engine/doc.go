// Package engine is the cache: it finds stored answers and remembers new ones.
//
//	e, err := engine.Open(engine.Options{Dir: dir})
//	defer e.Close()
//	answer, err := e.Serve(ctx, &engine.Query{Model: id, Request: r}, infer, emit)
//
// Serve looks a request up, answers it from the store or by infer, and remembers what infer said.
// Lookup and Remember are its two halves, for callers that do the rest themselves.
//
// Where no answer serves, a Resumer goes on from saved model state: what the prompt shares with an earlier one
// is restored and not read again.
//
//	r := engine.NewResumer(e, host, info, logger)
//	answer, err := e.Serve(ctx, query, r.Infer(query), emit)
//
// A request is found by a key over model and request (package fingerprint says what of them), within
// the tenant's own salt: nothing of one tenant is ever found by another. Once the cache
// is open, a failure of the store is never the caller's: it is counted and logged, and the request
// goes on as a miss.
//
// The package knows no process, no network and no model; those come in as functions.
package engine
