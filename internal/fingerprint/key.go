package fingerprint

const (
	namespaceLabel = "kvasir namespace 1"
	exactLabel     = "kvasir exact key 1"
)

// Namespace is the boundary inside which stored answers may be looked up: one tenant, one model,
// one canonical request. Only the subjects of the requests in it differ.
func Namespace(salt Salt, model ID, c Canonical) ID {
	p := newPreimage(namespaceLabel)
	p.bytes(model[:])
	p.bytes(c.Bytes)
	return p.hmac(&salt)
}

// ExactKey is where the answer to a subject is found, byte for byte, in a namespace made with the
// same salt.
func ExactKey(salt Salt, namespace ID, subject string) ID {
	p := newPreimage(exactLabel)
	p.bytes(namespace[:])
	p.text(subject)
	return p.hmac(&salt)
}
