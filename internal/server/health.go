package server

import (
	"context"
	"net/http"
)

// States of a server.
const (
	stateReady    = "ready"
	stateLoading  = "loading"  // the model is not there yet; stored answers are served
	stateDown     = "down"     // the host's process ended, and is being started again
	stateStopping = "stopping" // no new requests are taken
)

func (s *Server) state() string {
	host := s.options.Model.Host()
	pid, deaths, _ := s.options.Model.Process()
	switch {
	case s.stopping.Load():
		return stateStopping
	case host == nil:
		return stateLoading
	case pid == 0 && deaths > 0:
		return stateDown
	}
	return stateReady
}

// health answers GET /health: the process is there.
func health(_ context.Context, x *exchange) error {
	return x.json(http.StatusOK, map[string]string{"status": "ok"})
}

// ready answers GET /ready: whatever is asked can be answered.
func ready(_ context.Context, x *exchange) error {
	state := x.server.state()
	status := http.StatusOK
	if state != stateReady {
		status = http.StatusServiceUnavailable
	}
	return x.json(status, map[string]string{"status": state})
}
