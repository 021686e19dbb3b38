package seal

import (
	"bytes"
	"crypto/rand"
	"errors"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

func TestBox_OpensWhatItSealed(t *testing.T) {
	box := newRing(t).Box()
	rapid.Check(t, func(t *rapid.T) {
		name, value := rapid.SliceOf(rapid.Byte()).Draw(t, "name"), rapid.SliceOf(rapid.Byte()).Draw(t, "value")
		before := rapid.SliceOfN(rapid.Byte(), 0, 9).Draw(t, "into")
		sealed := box.Seal(bytes.Clone(before), rapid.Uint32().Draw(t, "account"), name, value)
		sealed, had := bytes.CutPrefix(sealed, before)
		if !had || len(sealed) != len(value)+Overhead || !IsSealed(sealed) || !box.Current(sealed) {
			t.Fatalf("%x became %x", value, sealed)
		}
		got, err := box.Open(bytes.Clone(before), name, sealed)
		if err != nil || !bytes.Equal(got, append(before, value...)) {
			t.Fatalf("got %x, %v, want %x behind %x", got, err, value, before)
		}
	})
}

func TestBox_RefusesWhatWasChangedOrMoved(t *testing.T) {
	box := newRing(t).Box()
	sealed := box.Seal(nil, 7, []byte("e1"), []byte("text"))
	for bit := range 8 * len(sealed) {
		flipped := bytes.Clone(sealed)
		flipped[bit/8] ^= 1 << (bit % 8)
		if _, err := box.Open(nil, []byte("e1"), flipped); !errors.Is(err, ErrSealed) {
			t.Fatalf("bit %d: got %v, want ErrSealed", bit, err)
		}
	}
	for n := range sealed {
		if _, err := box.Open(nil, []byte("e1"), sealed[:n]); !errors.Is(err, ErrSealed) {
			t.Fatalf("cut at %d: got %v, want ErrSealed", n, err)
		}
	}
	for _, name := range []string{"e2", "", "e1\x00"} {
		if _, err := box.Open(nil, []byte(name), sealed); !errors.Is(err, ErrSealed) {
			t.Errorf("under the name %q: got %v, want ErrSealed", name, err)
		}
	}
	if _, err := newRing(t).Box().Open(nil, []byte("e1"), sealed); !errors.Is(err, ErrSealed) {
		t.Errorf("with another store's keys: got %v, want ErrSealed", err)
	}
	if _, err := box.OpenFile("e1", sealed); !errors.Is(err, ErrSealed) {
		t.Errorf("as a file: got %v, want ErrSealed", err)
	}
}

func TestBox_TenantsHaveKeysOfTheirOwn(t *testing.T) {
	box := newRing(t).Box()
	seal := func(account uint32) []byte { return box.Seal(nil, account, []byte("e1"), []byte("text")) }
	a, b, nobody := seal(1), seal(2), seal(0)
	if bytes.Equal(a[:atNonce], b[:atNonce]) || bytes.Equal(a[:atNonce], nobody[:atNonce]) {
		t.Error("two tenants' records name the same key")
	}
	// The name alone does not make the key another: a record under the other's name does not open.
	moved := append(bytes.Clone(b[:atNonce]), a[atNonce:]...)
	if _, err := box.Open(nil, []byte("e1"), moved); !errors.Is(err, ErrSealed) {
		t.Errorf("under another tenant's key: got %v, want ErrSealed", err)
	}
	if newRing(t).Box().nameOf(1) == box.nameOf(1) {
		t.Error("the name of a tenant's key is the same in another store, so it can be looked up")
	}
	if again := seal(1); !bytes.Equal(again[:atNonce], a[:atNonce]) || bytes.Equal(again, a) {
		t.Error("a tenant's key changed, or a nonce did not")
	}
	one, two := box.ChunkSecrets([32]byte{1}), box.ChunkSecrets([32]byte{2})
	if len(one) != 1 || one[0] == two[0] || one[0] != box.ChunkSecrets([32]byte{1})[0] {
		t.Error("seeds share the secret of chunk files, or one has two")
	}
}

func TestBox_ResealsForTheSameTenant(t *testing.T) {
	r := newRing(t)
	old := r.Box().Seal(nil, 7, []byte("e1"), []byte("text"))
	if err := r.AddKey(rand.Reader); err != nil {
		t.Fatal(err)
	}
	box := r.Box()
	if box.Current(old) {
		t.Error("a record of the old key counts as one of the new one")
	}
	again := box.Reseal(nil, old, []byte("e1"), []byte("text"))
	fresh := box.Seal(nil, 7, []byte("e1"), []byte("text"))
	if !box.Current(again) || !bytes.Equal(again[:atNonce], fresh[:atNonce]) {
		t.Errorf("resealed by %x, and a new record of the tenant by %x", again[:atNonce], fresh[:atNonce])
	}
	if secrets := box.ChunkSecrets([32]byte{1}); len(secrets) != 2 || secrets[0] == secrets[1] {
		t.Errorf("%d secrets of chunk files, want the new and the old one", len(secrets))
	}
}

func TestBox_ServesManyAtOnce(t *testing.T) {
	box := newRing(t).Box()
	var group sync.WaitGroup
	for n := range 16 {
		group.Go(func() {
			for account := range uint32(300) {
				name := []byte{byte(n), byte(account)}
				if got, err := box.Open(nil, name, box.Seal(nil, account, name, name)); err != nil || !bytes.Equal(got, name) {
					t.Errorf("got %x, %v", got, err)
				}
			}
		})
	}
	group.Wait()
}

// FuzzOpen checks that no value makes Open panic, and that nothing opens that was not sealed.
func FuzzOpen(f *testing.F) {
	box := newRing(f).Box()
	f.Add([]byte("e1"), box.Seal(nil, 7, []byte("e1"), []byte("text")))
	f.Add([]byte("e1"), []byte{mark})
	f.Fuzz(func(t *testing.T, name, sealed []byte) {
		value, err := box.Open(nil, name, sealed)
		if err == nil && (string(name) != "e1" || string(value) != "text") {
			t.Fatalf("%q opened as %q", name, value)
		}
		if err != nil && !errors.Is(err, ErrSealed) {
			t.Fatalf("error %v is not ErrSealed", err)
		}
	})
}

func BenchmarkBox(b *testing.B) {
	box := newRing(b).Box()
	for _, size := range []int{70, 2048} {
		value := make([]byte, size)
		sealed := box.Seal(nil, 7, value[:9], value)
		into := make([]byte, 0, 4096)
		b.Run("seal", func(b *testing.B) {
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				box.Seal(into, 7, value[:9], value)
			}
		})
		b.Run("open", func(b *testing.B) {
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := box.Open(into, value[:9], sealed); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
