// Package control lets many processes use one store. Pebble belongs to one process at a time; that one,
// the owner, listens on <store>/control.sock, and the others ask it.
//
//	s, err := control.Open(ctx, engine.Options{Dir: dir})
//	defer s.Close()
//	answer, err := s.Serve(ctx, query, infer, emit)
//
// Open makes this process the owner if nobody is, and else connects to the owner. When the owner leaves
// or dies, the next call makes this process the owner, or connects to the new one, and goes on.
//
// On the socket HTTP/1.1 carries JSON: POST /control/1/OPERATION, with the argument as body, answered by
// {"result": …} or {"error": {"sentinel", "message", "hint"}}. Whoever can open the socket can do all
// that the store allows; it has mode 0600.
package control
