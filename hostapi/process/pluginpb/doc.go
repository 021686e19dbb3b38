// Package pluginpb is the Go code of ../plugin.proto, made by protoc. Plugins written in Go use package
// process, which hides it.
package pluginpb

// Needs protoc (Debian: protobuf-compiler) on the path; the script pins its Go plugins.
//go:generate sh ../generate.sh plugin
