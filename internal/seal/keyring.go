package seal

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"golang.org/x/crypto/chacha20poly1305"
)

// Keyring is what the file keyring holds: the keys of a store's data.
type Keyring struct {
	Store      [16]byte // of the store it belongs to
	Generation uint64   // rises each time the file is written

	naming [KeySize]byte // makes the names of tenants' keys; never changes
	data   []dataKey     // one, or two while records go from the first to the last
}

// dataKey is a key that others are derived from. Its number says so in every record.
type dataKey struct {
	number uint32
	secret [KeySize]byte
}

var (
	// ErrOtherKey marks a keyring that another key seals.
	ErrOtherKey = errors.New("keyring is sealed by another key")
	// ErrKeyring marks bytes that are no keyring that was written with this key.
	ErrKeyring = errors.New("keyring is damaged")
)

// NewKeyring returns a keyring for a new store, with keys from random.
func NewKeyring(store [16]byte, random io.Reader) (*Keyring, error) {
	r := &Keyring{Store: store}
	if _, err := io.ReadFull(random, r.naming[:]); err != nil {
		return nil, err
	}
	return r, r.AddKey(random)
}

// AddKey adds a data key from random, for everything that is sealed from now on.
func (r *Keyring) AddKey(random io.Reader) error {
	k := dataKey{number: 1}
	if len(r.data) > 0 {
		k.number = r.data[len(r.data)-1].number + 1
	}
	if _, err := io.ReadFull(random, k.secret[:]); err != nil {
		return err
	}
	r.data = append(r.data, k)
	return nil
}

// DropKeys forgets all data keys but the last one.
func (r *Keyring) DropKeys() { r.data = r.data[len(r.data)-1:] }

// Keys returns how many data keys there are.
func (r *Keyring) Keys() int { return len(r.data) }

const (
	ringFirst = "kvasir keyring 1\n"
	ringLast  = "end\n"
	maxKeys   = 2
)

// Seal returns the content of the file keyring, one generation on.
func (r *Keyring) Seal(key *Key, random io.Reader) ([]byte, error) {
	r.Generation++
	head := fmt.Sprintf("%sstore %x\nkey %s\ngeneration %d\n", ringFirst, r.Store, key.Name(), r.Generation)
	plain := append([]byte(nil), r.naming[:]...)
	for _, k := range r.data {
		plain = binary.LittleEndian.AppendUint32(plain, k.number)
		plain = append(plain, k.secret[:]...)
	}
	nonce := make([]byte, chacha20poly1305.NonceSizeX, chacha20poly1305.NonceSizeX+len(plain)+chacha20poly1305.Overhead)
	if _, err := io.ReadFull(random, nonce); err != nil {
		return nil, err
	}
	sealed := newCipher(derive(key.secret[:], ringPurpose)).Seal(nonce, nonce, plain, []byte(head))
	return []byte(head + "sealed " + hex.EncodeToString(sealed) + "\n" + ringLast), nil
}

const ringPurpose = "kvasir keyring 1"

// OpenKeyring reads what Seal wrote. With another key it fails with ErrOtherKey, and with ErrKeyring where a byte is
// not what was written.
func OpenKeyring(content []byte, key *Key) (*Keyring, error) {
	r, name, head, sealed, err := parseRing(string(content))
	if err != nil {
		return nil, err
	}
	if name != key.Name() {
		return nil, fmt.Errorf("%w: %s seals it, and %s was given", ErrOtherKey, name, key.Name())
	}
	nonce, sealed := sealed[:chacha20poly1305.NonceSizeX], sealed[chacha20poly1305.NonceSizeX:]
	plain, err := newCipher(derive(key.secret[:], ringPurpose)).Open(nil, nonce, sealed, []byte(head))
	if err != nil {
		return nil, broken("its bytes are not those that were written")
	}
	return r, r.parseKeys(plain)
}

// Refers returns the store that a keyring is of, and its generation, without a key and unproven.
func Refers(content []byte) (store [16]byte, generation uint64, err error) {
	r, _, _, _, err := parseRing(string(content))
	if err != nil {
		return store, 0, err
	}
	return r.Store, r.Generation, nil
}

func broken(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrKeyring}, args...)...)
}

// parseRing takes a keyring apart. Of sealed at least a nonce and a tag are there.
func parseRing(content string) (r *Keyring, name, head string, sealed []byte, err error) {
	r = &Keyring{}
	rest, ok := strings.CutPrefix(content, ringFirst)
	if !ok {
		return nil, "", "", nil, broken("line 1 is not %q", strings.TrimSpace(ringFirst))
	}
	var store, generation, text string
	for _, f := range []struct {
		name string
		to   *string
	}{{"store", &store}, {"key", &name}, {"generation", &generation}, {"sealed", &text}} {
		var line string
		if line, rest, ok = strings.Cut(rest, "\n"); ok {
			*f.to, ok = strings.CutPrefix(line, f.name+" ")
		}
		if !ok {
			return nil, "", "", nil, broken("its line %q is missing", f.name)
		}
	}
	if rest != ringLast {
		return nil, "", "", nil, broken("the last line is not %q", strings.TrimSpace(ringLast))
	}
	id, err := lowerHex(store)
	if err != nil || len(id) != len(r.Store) {
		return nil, "", "", nil, broken("its store is no id")
	}
	copy(r.Store[:], id)
	r.Generation, err = strconv.ParseUint(generation, 10, 63)
	if err != nil || strconv.FormatUint(r.Generation, 10) != generation {
		return nil, "", "", nil, broken("its generation is no number")
	}
	sealed, err = lowerHex(text)
	if err != nil || len(sealed) < chacha20poly1305.NonceSizeX+chacha20poly1305.Overhead {
		return nil, "", "", nil, broken("its keys are not in hex")
	}
	return r, name, content[:strings.LastIndex(content, "sealed ")], sealed, nil
}

func lowerHex(text string) ([]byte, error) {
	if text != strings.ToLower(text) {
		return nil, hex.ErrLength
	}
	return hex.DecodeString(text)
}

func (r *Keyring) parseKeys(plain []byte) error {
	const each = 4 + KeySize
	keys := len(plain) - KeySize
	if keys < each || keys%each != 0 || keys > maxKeys*each {
		return broken("it holds %d bytes of keys", len(plain))
	}
	copy(r.naming[:], plain)
	for plain = plain[KeySize:]; len(plain) > 0; plain = plain[each:] {
		r.data = append(r.data, dataKey{binary.LittleEndian.Uint32(plain), [KeySize]byte(plain[4:each])})
	}
	return nil
}
