package blob

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
)

const (
	fileLabel   = "kvasir chunk file 1"
	sealedLabel = "kvasir chunk file 2"
)

// cipherOf returns the cipher of a file. The header, with its random salt, makes a key that is used for this file alone
// and once, so that its nonce need not change.
func cipherOf(secret *[32]byte, label string, header *[HeaderSize]byte) (cipher.AEAD, error) {
	h := hmac.New(sha256.New, secret[:])
	h.Write([]byte(label))
	h.Write(header[:atTag])
	block, err := aes.NewCipher(h.Sum(nil))
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

var zeros [12]byte // the nonce

// tagOf returns the tag of a file that is not sealed: AES-256-GMAC over the payload. HMAC would take five times as long.
func tagOf(secret *[32]byte, header *[HeaderSize]byte, payload []byte) (tag [16]byte, err error) {
	gcm, err := cipherOf(secret, fileLabel, header)
	if err != nil {
		return tag, err
	}
	gcm.Seal(tag[:0], zeros[:], nil, payload)
	return tag, nil
}

// sealed returns the payload as it is in a file that is sealed, and its tag: AES-256-GCM.
func sealed(secret *[32]byte, header *[HeaderSize]byte, payload []byte) (hidden []byte, tag [16]byte, err error) {
	gcm, err := cipherOf(secret, sealedLabel, header)
	if err != nil {
		return nil, tag, err
	}
	hidden = gcm.Seal(make([]byte, 0, len(payload)+len(tag)), zeros[:], payload, nil)
	copy(tag[:], hidden[len(payload):])
	return hidden[:len(payload)], tag, nil
}

// unsealed turns what sealed returned into the payload, in its own memory, which has room for the tag behind it.
func unsealed(secret *[32]byte, header *[HeaderSize]byte, hidden []byte) ([]byte, error) {
	gcm, err := cipherOf(secret, sealedLabel, header)
	if err != nil {
		return nil, err
	}
	payload, err := gcm.Open(hidden[:0], zeros[:], append(hidden, header[atTag:]...), nil)
	if err != nil {
		return nil, errForeign
	}
	return payload, nil
}

var errForeign = damaged("its bytes are not those that this store wrote")
