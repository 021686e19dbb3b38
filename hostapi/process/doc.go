// Package process is the contract of an inference host: a program that kvasir starts, that loads
// one model and answers requests over gRPC on a unix socket.
//
// A host written in Go calls Serve with a Backend and nothing else:
//
//	func main() { process.Serve(backend{}) }
//
// The other side is Client, which kvasir's supervisor uses. README.md and inference.proto in this
// folder describe the contract for hosts in other languages. The package does no inference and
// starts no process.
package process
