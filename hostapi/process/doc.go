// Package process is the contract of the programs that kvasir starts and talks to over gRPC on a unix
// socket. There are two kinds.
//
// An inference host loads one model and answers requests. One written in Go calls Serve with a Backend
// and nothing else:
//
//	func main() { process.Serve(backend{}) }
//
// A process plugin normalizes, scores or answers hooks. One written in Go calls ServePlugin with a
// function that makes its Functions:
//
//	func main() { process.ServePlugin(newPlugin) }
//
// The other sides are Client and PluginClient, which kvasir's supervisor uses. README.md, inference.proto
// and plugin.proto in this folder describe the contract for other languages. The package does no
// inference and starts no process.
package process
