// Package setup makes what a configuration asks for: its plugins and strategies, the store with them, and
// a model behind it. Commands and the server are built on it.
//
//	m, err := setup.OpenModel(ctx, c, setup.ModelOptions{Load: load, Start: start, Logger: log, Note: note})
//	defer m.Close()
//	answer, err := m.Serve(ctx, request, emit)
package setup
