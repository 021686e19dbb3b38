// Package c holds the header for plugins in C, for programs that write it out.
package c

import _ "embed"

// Header is kvasir.h.
//
//go:embed kvasir.h
var Header []byte
