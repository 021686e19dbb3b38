// Package blob keeps saved model state in files: chunks of up to 64 tokens, each under a key that names
// the tokens and everything before them.
//
//	temp, size, err := blob.Write(dir, &secret, &header, payload)
//	n, err := blob.Commit(dir, []blob.File{{Temp: temp, Key: header.Key}})
//	payload, header, err := blob.Read(blob.Path(dir, key), &secret, &want, buffer)
//
// Whoever computes state writes files under temporary names, and whoever keeps the records commits them.
// A file is authenticated by a secret of the store: Read returns the payload of a file that Write wrote
// for just this place, or an error that says what is wrong. With Header.Sealed it is encrypted as well. docs/formats/blob.md draws the file.
//
// The package knows no store and no model. Its functions may be called from many goroutines and many
// processes at once.
package blob
