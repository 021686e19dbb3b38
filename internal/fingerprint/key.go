package fingerprint

const (
	namespaceLabel = "kvasir namespace 1"
	exactLabel     = "kvasir exact key 1"
	seedLabel      = "kvasir state seed 1"
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

// StateSeed is what the keys of saved state begin with: the state of one tenant, under one state id, is found
// by nobody else. A chunk's key follows from it and tokens alone (package blob).
func StateSeed(salt Salt, state ID) ID {
	p := newPreimage(seedLabel)
	p.bytes(state[:])
	return p.hmac(&salt)
}
