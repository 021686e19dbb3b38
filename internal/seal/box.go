package seal

import (
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"sync"

	"golang.org/x/crypto/chacha20poly1305"
)

// A sealed record is
//
//	mark  number of the data key  name of the tenant's key  nonce  ciphertext and tag
//	u8    u32                     8                         24     as long as the value, and 16
//
// All records of a store that are not sealed begin with a version, which is never the mark.
const (
	mark     = 0xe5
	atNumber = 1
	atName   = 5
	atNonce  = 13
	headSize = atNonce + chacha20poly1305.NonceSizeX

	// Overhead is what a sealed record has more than its value, in bytes.
	Overhead = headSize + chacha20poly1305.Overhead
)

// ErrSealed marks a record that does not open: it is damaged, of another name, or not sealed by this store.
var ErrSealed = errors.New("the seal is not of this record")

// keyName names the key of a tenant. It is made with a key, so who sees it cannot tell whose it is.
type keyName [atNonce - atName]byte

// slot says which key seals a record.
type slot struct {
	number uint32
	name   keyName
}

// mostCiphers bounds how many keys of tenants are kept ready.
const mostCiphers = 4096

// Box seals and opens records. Its methods may be called from many goroutines.
type Box struct {
	naming [KeySize]byte
	data   []dataKey

	mu struct {
		sync.RWMutex
		ciphers map[slot]cipher.AEAD
		names   map[uint32]keyName // by account
	}
}

// Box returns what seals and opens with the keys that r holds now.
func (r *Keyring) Box() *Box {
	b := &Box{naming: r.naming, data: append([]dataKey(nil), r.data...)}
	b.mu.ciphers, b.mu.names = map[slot]cipher.AEAD{}, map[uint32]keyName{}
	return b
}

// IsSealed reports whether a value is sealed, by whatever key.
func IsSealed(value []byte) bool { return len(value) >= Overhead && value[0] == mark }

// Current reports whether a value is sealed by the key that seals now.
func (b *Box) Current(value []byte) bool {
	return IsSealed(value) && binary.LittleEndian.Uint32(value[atNumber:]) == b.current().number
}

// Seal appends the sealed value of a record with this name to into. The account is of the tenant whose record it is, 0 where it
// is nobody's.
func (b *Box) Seal(into []byte, account uint32, name, value []byte) []byte {
	return b.seal(into, slot{b.current().number, b.nameOf(account)}, name, value)
}

// Reseal appends a value that was opened from old, sealed by the key that seals now, for the same tenant.
func (b *Box) Reseal(into, old, name, value []byte) []byte {
	return b.seal(into, slot{b.current().number, keyName(old[atName:atNonce])}, name, value)
}

func (b *Box) seal(into []byte, s slot, name, value []byte) []byte {
	at := len(into)
	into = append(into, mark)
	into = binary.LittleEndian.AppendUint32(into, s.number)
	into = append(into, s.name[:]...)
	into = append(into, make([]byte, chacha20poly1305.NonceSizeX)...)
	head := into[at:]
	_, _ = rand.Read(head[atNonce:]) // never fails
	return b.cipher(s).Seal(into, head[atNonce:headSize:headSize], value, about(head, name))
}

// Open appends the value of a sealed record with this name to into. What does not open is ErrSealed.
func (b *Box) Open(into, name, sealed []byte) ([]byte, error) {
	if !IsSealed(sealed) {
		return nil, ErrSealed
	}
	s := slot{binary.LittleEndian.Uint32(sealed[atNumber:]), keyName(sealed[atName:atNonce])}
	c := b.cipher(s)
	if c == nil {
		return nil, ErrSealed
	}
	value, err := c.Open(into, sealed[atNonce:headSize], sealed[headSize:], about(sealed, name))
	if err != nil {
		return nil, ErrSealed
	}
	return value, nil
}

// about is what a seal proves beside the value: by which key it was made, and for which record.
func about(head, name []byte) []byte {
	b := make([]byte, 0, 128)
	return append(append(b, head[:atNonce]...), name...)
}

// fileName keeps files apart from records, whose names begin with a letter.
func fileName(name string) []byte { return append([]byte{0}, name...) }

// SealFile returns the sealed content of a file with this name beside the store.
func (b *Box) SealFile(name string, content []byte) []byte {
	return b.Seal(nil, 0, fileName(name), content)
}

// OpenFile opens what SealFile returned.
func (b *Box) OpenFile(name string, sealed []byte) ([]byte, error) {
	return b.Open(nil, fileName(name), sealed)
}

// ChunkSecrets returns the secrets of chunk files of prompts with this seed, which separates tenants: first that for
// new files, then those that older files may have.
func (b *Box) ChunkSecrets(seed [32]byte) (secrets [][32]byte) {
	for i := len(b.data) - 1; i >= 0; i-- {
		secrets = append(secrets, derive(b.data[i].secret[:], "kvasir chunks 1"+string(seed[:])))
	}
	return secrets
}

func (b *Box) current() *dataKey { return &b.data[len(b.data)-1] }

func (b *Box) nameOf(account uint32) (name keyName) {
	if account == 0 {
		return name
	}
	b.mu.RLock()
	name, known := b.mu.names[account]
	b.mu.RUnlock()
	if known {
		return name
	}
	h := hmac.New(sha256.New, b.naming[:])
	h.Write(binary.LittleEndian.AppendUint32([]byte("kvasir tenant 1"), account))
	copy(name[:], h.Sum(nil))
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.mu.names) >= mostCiphers {
		clear(b.mu.names)
	}
	b.mu.names[account] = name
	return name
}

// cipher returns the cipher of a key, or nil if there is no such data key.
func (b *Box) cipher(s slot) cipher.AEAD {
	b.mu.RLock()
	c := b.mu.ciphers[s]
	b.mu.RUnlock()
	if c != nil {
		return c
	}
	for _, k := range b.data {
		if k.number == s.number {
			c = newCipher(derive(k.secret[:], "kvasir record 1"+string(s.name[:])))
		}
	}
	if c == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.mu.ciphers) >= mostCiphers {
		clear(b.mu.ciphers)
	}
	b.mu.ciphers[s] = c
	return c
}

func newCipher(key [KeySize]byte) cipher.AEAD {
	c, err := chacha20poly1305.NewX(key[:])
	if err != nil {
		panic("seal: " + err.Error()) // only for a key of another length
	}
	return c
}
