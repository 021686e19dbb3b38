// Package inferencepb is the Go code of ../inference.proto, made by protoc. Hosts written in Go use
// package process, which hides it.
package inferencepb

// Needs protoc (Debian: protobuf-compiler) on the path; the script pins its Go plugins.
//go:generate sh ../generate.sh inference
