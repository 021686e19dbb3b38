package blob

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
)

const fileLabel = "kvasir chunk file 1"

// tagOf returns the tag of a file. The header, with its random salt, makes a key that is used for this file
// alone, and with it AES-256-GMAC covers the payload: one GMAC under one key, so that its nonce need not
// change. HMAC over the payload as well would take five times as long.
func tagOf(secret *[32]byte, header *[HeaderSize]byte, payload []byte) (tag [16]byte, err error) {
	h := hmac.New(sha256.New, secret[:])
	h.Write([]byte(fileLabel))
	h.Write(header[:atTag])
	block, err := aes.NewCipher(h.Sum(nil))
	if err != nil {
		return tag, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return tag, err
	}
	var nonce [12]byte
	gcm.Seal(tag[:0], nonce[:], nil, payload)
	return tag, nil
}
