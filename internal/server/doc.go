// Package server answers OpenAI's API from the cache and by the model behind it.
//
//	s, err := server.New(server.Options{Model: model, Name: "atlas", Settings: settings, Token: token})
//	http.Serve(listener, s.API())   // for clients
//	http.Serve(listener, s.Admin()) // for those who look after it
//
// Serve joins both with listeners, timeouts and an orderly end. Apply changes what may change while it runs.
//
// The package trusts nobody: bodies, headers, names and sizes are checked before anything is done with them, and
// what was asked and answered is never logged. It knows a model by the interface Model, so that another
// kind of host can stand behind it.
package server
