package server

import (
	"context"
	"net/http"

	"github.com/kvasir-cache/kvasir/internal/openai"
)

func (s *Server) model() openai.Model {
	return openai.Model{ID: s.options.Name, Object: "model", Created: s.began.Unix(), OwnedBy: "kvasir"}
}

// models answers GET /v1/models.
func models(_ context.Context, x *exchange) error {
	return x.json(http.StatusOK, openai.ModelList{Object: "list", Data: []openai.Model{x.server.model()}})
}

// model answers GET /v1/models/NAME.
func model(_ context.Context, x *exchange) error {
	if x.name != x.server.options.Name {
		return &openai.Error{Status: http.StatusNotFound, Type: openai.TypeInvalid, Param: "model", Code: "model_not_found",
			Message: "there is no such model; GET /v1/models lists what there is"}
	}
	return x.json(http.StatusOK, x.server.model())
}
