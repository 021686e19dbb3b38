package seal

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func newRing(t testing.TB) *Keyring {
	t.Helper()
	r, err := NewKeyring([16]byte{1, 2, 3}, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func written(t testing.TB, r *Keyring, k *Key) []byte {
	t.Helper()
	content, err := r.Seal(k, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func TestKeyring_ComesBackWithItsKey(t *testing.T) {
	k := keyOf(t, keyText)
	r := newRing(t)
	box := r.Box()
	old := box.Seal(nil, 7, []byte("e1"), []byte("text"))
	if err := r.AddKey(rand.Reader); err != nil {
		t.Fatal(err)
	}
	content := written(t, r, k)
	got, err := OpenKeyring(content, k)
	if err != nil || got.Store != r.Store || got.Generation != 1 || got.Keys() != 2 {
		t.Fatalf("got %+v, %v", got, err)
	}
	if value, err := got.Box().Open(nil, []byte("e1"), old); err != nil || string(value) != "text" {
		t.Errorf("a record of the first key: got %q, %v", value, err)
	}
	got.DropKeys()
	if _, err := got.Box().Open(nil, []byte("e1"), old); !errors.Is(err, ErrSealed) {
		t.Errorf("a record of a dropped key: got %v, want ErrSealed", err)
	}
	if store, generation, err := Refers(content); err != nil || store != r.Store || generation != 1 {
		t.Errorf("without a key: got %x, %d, %v", store, generation, err)
	}
}

func TestOpenKeyring_TellsAnotherKeyFromDamage(t *testing.T) {
	k, other := keyOf(t, keyText), keyOf(t, otherText)
	content := written(t, newRing(t), k)
	_, err := OpenKeyring(content, other)
	if !errors.Is(err, ErrOtherKey) || !strings.Contains(err.Error(), k.Name()) || !strings.Contains(err.Error(), other.Name()) {
		t.Errorf("another key: got %v, want ErrOtherKey with the names of both", err)
	}
	for n := range content {
		if _, err := OpenKeyring(content[:n], k); !errors.Is(err, ErrKeyring) {
			t.Fatalf("cut at %d: got %v, want ErrKeyring", n, err)
		}
	}
	for bit := range 8 * len(content) {
		flipped := bytes.Clone(content)
		flipped[bit/8] ^= 1 << (bit % 8)
		if _, err := OpenKeyring(flipped, k); !errors.Is(err, ErrKeyring) && !errors.Is(err, ErrOtherKey) {
			t.Fatalf("bit %d: got %v, want ErrKeyring or, in the line of the key, ErrOtherKey", bit, err)
		}
	}
	if _, err := OpenKeyring(append(content, '\n'), k); !errors.Is(err, ErrKeyring) {
		t.Errorf("a byte more: got %v, want ErrKeyring", err)
	}
}

// The keys of the data are in the file under the user's key alone.
func TestKeyring_HoldsNoKeyInTheOpen(t *testing.T) {
	r := newRing(t)
	content := string(written(t, r, keyOf(t, keyText)))
	for _, secret := range [][KeySize]byte{r.naming, r.data[0].secret} {
		if strings.Contains(content, fmt.Sprintf("%x", secret[:8])) || strings.Contains(content, string(secret[:8])) {
			t.Error("a key is in the file")
		}
	}
}

// FuzzKeyring checks that no file makes the reader panic, and that what it takes apart is what it was made of.
func FuzzKeyring(f *testing.F) {
	k := keyOf(f, keyText)
	f.Add(written(f, newRing(f), k))
	f.Add([]byte(ringFirst + "store 00\nkey 00\ngeneration 1\nsealed 00\n" + ringLast))
	f.Fuzz(func(t *testing.T, content []byte) {
		if _, err := OpenKeyring(content, k); err != nil && !errors.Is(err, ErrKeyring) && !errors.Is(err, ErrOtherKey) {
			t.Fatalf("error %v is neither ErrKeyring nor ErrOtherKey", err)
		}
		r, name, head, sealed, err := parseRing(string(content))
		if err == nil {
			again := fmt.Sprintf("%sstore %x\nkey %s\ngeneration %d\nsealed %x\n%s", ringFirst, r.Store, name, r.Generation, sealed, ringLast)
			if again != string(content) || !strings.HasPrefix(again, head) {
				t.Fatalf("%q was read as %q", content, again)
			}
		}
	})
}

// FuzzKeys checks that whatever is under the seal is refused or is kept whole.
func FuzzKeys(f *testing.F) {
	f.Add(make([]byte, KeySize+4+KeySize))
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, plain []byte) {
		var r Keyring
		if err := r.parseKeys(plain); err != nil {
			if !errors.Is(err, ErrKeyring) {
				t.Fatalf("error %v is not ErrKeyring", err)
			}
			return
		}
		if len(r.data) == 0 || len(r.data)*(4+KeySize)+KeySize != len(plain) {
			t.Fatalf("%d bytes became %d keys", len(plain), len(r.data))
		}
	})
}
