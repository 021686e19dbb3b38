//go:build !unix

package process

// ignoreSignals does nothing here: go-plugin ignores the interrupt signal, and there is no other.
func ignoreSignals() {}
