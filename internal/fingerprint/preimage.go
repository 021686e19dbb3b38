package fingerprint

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"math"
)

// preimage is a list of fields to hash, each after its length in 8 bytes, so that no two lists are
// the same bytes. The first field is a label that says what is hashed and in which version.
type preimage []byte

func newPreimage(label string) preimage {
	p := make(preimage, 0, 256)
	p.text(label)
	return p
}

func (p *preimage) bytes(b []byte) {
	*p = append(binary.BigEndian.AppendUint64(*p, uint64(len(b))), b...)
}

func (p *preimage) text(s string) {
	*p = append(binary.BigEndian.AppendUint64(*p, uint64(len(s))), s...)
}

// number is a field of 8 bytes.
func (p *preimage) number(n int) {
	*p = binary.BigEndian.AppendUint64(*p, 8)
	*p = binary.BigEndian.AppendUint64(*p, uint64(n))
}

// float is a field of 4 bytes. Both zeros are one value.
func (p *preimage) float(v float32) {
	*p = binary.BigEndian.AppendUint64(*p, 4)
	*p = binary.BigEndian.AppendUint32(*p, math.Float32bits(unsigned(v)))
}

// list is the number of texts and then the texts.
func (p *preimage) list(texts []string) {
	p.number(len(texts))
	for _, s := range texts {
		p.text(s)
	}
}

func (p preimage) hash() ID { return sha256.Sum256(p) }

func (p preimage) hmac(salt *Salt) (id ID) {
	h := hmac.New(sha256.New, salt[:])
	h.Write(p)
	h.Sum(id[:0])
	return id
}

// unsigned returns v, and 0 for -0.
func unsigned(v float32) float32 {
	if v == 0 {
		return 0
	}
	return v
}
