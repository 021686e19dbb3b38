// Package blob keeps saved model state in files: chunks of up to 64 tokens, each under a key that names
// the tokens and everything before them. It knows no store and no model.
package blob
