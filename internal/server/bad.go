package server

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"

	"github.com/kvasir-cache/kvasir/engine"
	"github.com/kvasir-cache/kvasir/internal/openai"
)

// badBody is the body of POST /bad.
type badBody struct {
	Entry  string  `json:"entry"`  // id
	Prompt *string `json:"prompt"` // that its answer is wrong for; left out, its own
	Undo   bool    `json:"undo"`
}

// badList answers GET /bad with what was said to be wrong, oldest first.
func badList(ctx context.Context, x *exchange) error {
	store, err := x.needStore()
	if err != nil {
		return err
	}
	list, err := store.ListBad(ctx)
	if err != nil {
		return err
	}
	if list == nil {
		list = []engine.Mark{}
	}
	return x.json(http.StatusOK, map[string]any{"marks": list})
}

// bad answers POST /bad: the answer of an entry is wrong for a prompt, or no longer.
func bad(ctx context.Context, x *exchange) error {
	var body badBody
	d := json.NewDecoder(bytes.NewReader(x.body))
	d.DisallowUnknownFields()
	if err := d.Decode(&body); err != nil || body.Entry == "" {
		return openai.Invalid("entry", `want {"entry": ID}, and "prompt" and "undo" where they are needed`)
	}
	store, err := x.needStore()
	if err != nil {
		return err
	}
	if body.Undo {
		gone, err := store.UndoBad(ctx, body.Entry, body.Prompt)
		if err != nil {
			return err
		}
		return x.json(http.StatusOK, map[string]any{"undone": gone})
	}
	mark, err := store.MarkBad(ctx, body.Entry, body.Prompt)
	if err != nil {
		return err
	}
	return x.json(http.StatusOK, mark)
}
