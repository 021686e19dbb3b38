//go:build linux

package main

import (
	"os"
	"strconv"
	"testing"
)

// killsEnv says how often kvasir is killed; make kill sets it.
const killsEnv = "KVASIR_KILLS"

// numberIn returns what an environment variable says, or what counts without it.
func numberIn(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s is %q; it must be a number", name, text)
	}
	return n
}
