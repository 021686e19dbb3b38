package blob

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func sealedSample() (Header, []byte) {
	h, payload := sample()
	h.Sealed = true
	return h, payload
}

func TestSealed_ComesBackAndIsNotInTheOpen(t *testing.T) {
	h, payload := sealedSample()
	path := put(t, t.TempDir(), h, payload[:10], payload[10:])
	content, err := os.ReadFile(path)
	must(t, err)
	for at := 0; at+8 <= len(payload); at += 100 {
		if bytes.Contains(content, payload[at:at+8]) {
			t.Fatalf("bytes %d of the payload are in the file", at)
		}
	}
	if len(content) != HeaderSize+len(payload) || !IsSealed(path) {
		t.Errorf("the file has %d bytes, sealed: %t", len(content), IsSealed(path))
	}
	buffer := make([]byte, 0, len(payload)+tagSize)
	got, header, err := Read(path, &secret, &h, buffer)
	must(t, err)
	if !bytes.Equal(got, payload) || header != h || &got[0] != &buffer[:1][0] {
		t.Errorf("got %d bytes of %+v, want %d of %+v in the buffer", len(got), header, len(payload), h)
	}
	if got, _, err = Read(path, &secret, &h, make([]byte, len(payload))); err != nil || !bytes.Equal(got, payload) {
		t.Errorf("a buffer too small for the tag: got %d bytes, %v", len(got), err)
	}
	other := secret
	other[31]++
	if _, _, err := Read(path, &other, &h, nil); !errors.Is(err, ErrDamaged) {
		t.Errorf("with another secret: got %v, want ErrDamaged", err)
	}
}

func TestSealed_RefusesEveryFlippedBit(t *testing.T) {
	h, payload := sealedSample()
	sound, err := os.ReadFile(put(t, t.TempDir(), h, payload))
	must(t, err)
	for at := 0; at < len(sound); at += 1 + max(0, at-HeaderSize)/50 {
		for bit := range 8 {
			broken := bytes.Clone(sound)
			broken[at] ^= 1 << bit
			if err := readBytes(broken, h); !errors.Is(err, ErrDamaged) {
				t.Fatalf("bit %d of byte %d flipped: got %v, want ErrDamaged", bit, at, err)
			}
		}
	}
}

// Whether files are sealed is not up to who can write them.
func TestSealed_IsNotTakenForPlainNorPlainForSealed(t *testing.T) {
	h, payload := sealedSample()
	plain := h
	plain.Sealed = false
	for _, c := range [][2]Header{{h, plain}, {plain, h}} {
		path := put(t, t.TempDir(), c[0], payload)
		if _, _, err := Read(path, &secret, &c[1], nil); !errors.Is(err, ErrDamaged) {
			t.Errorf("written %t, read %t: got %v, want ErrDamaged", c[0].Sealed, c[1].Sealed, err)
		}
	}
}

func TestPurge_LeavesChunkFilesAlone(t *testing.T) {
	h, payload := sealedSample()
	dir := t.TempDir()
	path := put(t, dir, h, payload)
	_, _, err := Write(dir, &secret, &h, payload)
	must(t, err)
	other := h
	other.Key[0]++
	put(t, dir, other, payload)
	must(t, Quarantine(dir, other.Key))
	must(t, Purge(dir))
	var left []string
	must(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			left = append(left, path)
		}
		return err
	}))
	if len(left) != 1 || left[0] != path {
		t.Errorf("%q are left, want %q", left, path)
	}
	must(t, Purge(filepath.Join(dir, "none")))
}

func TestRemoveSecret_LeavesNothing(t *testing.T) {
	dir := t.TempDir()
	_, err := OpenSecret(dir, bytes.NewReader(make([]byte, 32)))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "secret.new-1"), []byte("x"), 0o600))
	for range 2 {
		must(t, RemoveSecret(dir))
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("%v are left", left)
	}
}

// FuzzReadSealed reads any bytes as they are, and the payload sealed as the header says, so that the fuzzer reaches what
// lies behind the tag.
func FuzzReadSealed(f *testing.F) {
	h, payload := sealedSample()
	header := h.encode(len(payload[:40]), [16]byte{1})
	f.Add(append(header[:], payload[:40]...))
	f.Add(golden(f, "chunk_v2"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, content []byte) {
		if err := readBytes(content, h); err == nil {
			t.Fatalf("%x was taken for a file of this store", content)
		}
		if len(content) < HeaderSize {
			return
		}
		signed := bytes.Clone(content)
		hidden, tag, err := sealed(&secret, (*[HeaderSize]byte)(signed), content[HeaderSize:])
		must(t, err)
		copy(signed[HeaderSize:], hidden)
		copy(signed[atTag:HeaderSize], tag[:])
		switch err := readBytes(signed, h); {
		case err == nil:
			checkAgain(t, signed)
		case !errors.Is(err, ErrDamaged):
			t.Fatalf("%x: got %v, want ErrDamaged", signed, err)
		}
	})
}

func BenchmarkReadSealed(b *testing.B) {
	h, _ := sealedSample()
	payload := make([]byte, 64*23040)
	path := put(b, b.TempDir(), h, payload)
	buffer := make([]byte, len(payload)+tagSize)
	b.SetBytes(int64(len(payload)))
	b.ReportAllocs()
	for b.Loop() {
		_, _, err := Read(path, &secret, &h, buffer)
		must(b, err)
	}
}
