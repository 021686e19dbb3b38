// Package seal encrypts what a store keeps, under a key that its user holds.
//
//	ring, err := seal.NewKeyring(store, rand.Reader)
//	content := ring.Seal(key, rand.Reader)          // of the file keyring
//	ring, err = seal.OpenKeyring(content, key)
//	box := ring.Box()
//	sealed := box.Seal(nil, account, name, value)
//	value, err := box.Open(nil, name, sealed)
//
// The user's key opens the keyring and nothing else. The keyring holds random data keys, and keys of records are
// derived from those, one for each tenant. So another user's key is a new keyring around the same data keys, and
// no record changes.
//
// Records are sealed by XChaCha20-Poly1305 with random nonces of 192 bits, which never repeat, and with their names
// as additional data, so that none can stand in the place of another. docs/decisions/0012-encryption.md says why, and
// docs/encryption.md what this hides and what it does not.
//
// The package opens no file but that of the user's key.
package seal
