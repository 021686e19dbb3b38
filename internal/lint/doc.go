// Package lint holds tests about the tree itself: which package may import which, and that no file
// names the machine it was written on. It has no other code.
package lint
