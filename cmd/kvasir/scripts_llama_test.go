//go:build llama

package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestCommandLine_WithModel runs the stories that answer with a real model.
func TestCommandLine_WithModel(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata/model", Setup: prepare})
}
