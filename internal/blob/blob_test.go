package blob

import (
	"bytes"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/kvasir-cache/kvasir/internal/base"
)

var secret = [32]byte{1, 2, 3}

func sample() (Header, []byte) {
	h := Header{ID: [32]byte{1, 1}, Key: Key{0xab, 2}, From: 128, Tokens: 64, Origin: base.OriginPrefill}
	payload := make([]byte, 3000)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range payload {
		payload[i] = byte(random.Uint32())
	}
	return h, payload
}

// put writes and commits a file, and returns its path.
func put(t testing.TB, dir string, h Header, payload ...[]byte) string {
	t.Helper()
	temp, _, err := Write(dir, &secret, &h, payload...)
	must(t, err)
	n, err := Commit(dir, []File{{temp, h.Key}})
	must(t, err)
	if n != 1 {
		t.Fatalf("committed %d files, want 1", n)
	}
	return Path(dir, h.Key)
}

// readBytes reads what is in memory as Read would from a file.
func readBytes(content []byte, want Header) error {
	var h Header
	_, err := h.read(bytes.NewReader(content), int64(len(content)), &secret, nil)
	if err == nil {
		err = h.differs(&want)
	}
	return err
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestRead_ReturnsWhatWasWritten(t *testing.T) {
	h, payload := sample()
	for _, parts := range [][][]byte{{payload}, {payload[:10], nil, payload[10:]}} {
		path := put(t, filepath.Join(t.TempDir(), "made", "if", "missing"), h, parts...)
		got, header, err := Read(path, &secret, &Header{ID: h.ID, Key: h.Key, From: h.From, Tokens: h.Tokens}, nil)
		must(t, err)
		if !bytes.Equal(got, payload) || header != h {
			t.Errorf("%d parts: got %d bytes of %+v, want %d of %+v", len(parts), len(got), header, len(payload), h)
		}
	}
}

func TestRead_UsesTheBufferGivenAndNoOther(t *testing.T) {
	h, payload := sample()
	path := put(t, t.TempDir(), h, payload)
	buffer := make([]byte, 0, len(payload))
	got, _, err := Read(path, &secret, &h, buffer)
	must(t, err)
	if &got[0] != &buffer[:1][0] {
		t.Error("the payload is not in the buffer, which has room for it")
	}
	if got, _, err = Read(path, &secret, &h, make([]byte, 8)); err != nil || !bytes.Equal(got, payload) {
		t.Errorf("a buffer too small: got %d bytes, %v; want all %d", len(got), err, len(payload))
	}
}

func TestWrite_FilesAndFoldersAreForTheirOwnerAlone(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0))
	h, payload := sample()
	dir := filepath.Join(t.TempDir(), "kv")
	path := put(t, dir, h, payload)
	for name, want := range map[string]fs.FileMode{path: 0o600, filepath.Dir(path): 0o700, dir: 0o700} {
		info, err := os.Stat(name)
		must(t, err)
		if info.Mode().Perm() != want {
			t.Errorf("%s has mode %04o, want %04o", name, info.Mode().Perm(), want)
		}
	}
}

// Every bit of the header, and many of the payload.
func TestRead_RefusesEveryFlippedBit(t *testing.T) {
	h, payload := sample()
	path := put(t, t.TempDir(), h, payload)
	sound, err := os.ReadFile(path)
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

func TestRead_RefusesOtherLengths(t *testing.T) {
	h, payload := sample()
	path := put(t, t.TempDir(), h, payload)
	sound, err := os.ReadFile(path)
	must(t, err)
	for _, size := range []int{0, 1, 64, HeaderSize - 1, HeaderSize, HeaderSize + 1, len(sound) / 2, len(sound) - 1} {
		must(t, os.WriteFile(path, sound[:size], 0o600))
		if _, _, err := Read(path, &secret, &h, nil); !errors.Is(err, ErrDamaged) {
			t.Errorf("cut to %d bytes: got %v, want ErrDamaged", size, err)
		}
	}
	must(t, os.WriteFile(path, append(bytes.Clone(sound), 0), 0o600))
	if _, _, err := Read(path, &secret, &h, nil); !errors.Is(err, ErrDamaged) {
		t.Errorf("a byte longer: got %v, want ErrDamaged", err)
	}
}

func TestRead_SaysWhatIsWrong(t *testing.T) {
	h, payload := sample()
	dir := t.TempDir()
	path := put(t, dir, h, payload)
	with := func(change func(*Header)) *Header {
		other := h
		change(&other)
		return &other
	}
	for _, c := range []struct {
		secret [32]byte
		want   *Header
		words  string
	}{
		{[32]byte{9}, &h, "not those that this store wrote"},
		{secret, with(func(h *Header) { h.ID[0]++ }), "another model, build, processor or setting"},
		{secret, with(func(h *Header) { h.Key[31]++ }), "another chunk"},
		{secret, with(func(h *Header) { h.From = 64 }), "tokens 128 to 192, not 64 to 128"},
		{secret, with(func(h *Header) { h.Tokens = 63 }), "tokens 128 to 192, not 128 to 191"},
		{secret, with(func(h *Header) { h.Origin = base.OriginDecode }), "origin is prefill"},
	} {
		if _, _, err := Read(path, &c.secret, c.want, nil); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), c.words) {
			t.Errorf("got %v, want ErrDamaged and %q", err, c.words)
		}
	}
	if _, _, err := Read(filepath.Dir(path), &secret, &h, nil); !errors.Is(err, ErrDamaged) {
		t.Errorf("a folder: got %v, want ErrDamaged", err)
	}
	_, _, err := Read(filepath.Join(dir, "none"), &secret, &h, nil)
	if !errors.Is(err, fs.ErrNotExist) || strings.Contains(err.Error(), dir) {
		t.Errorf("no file: got %v, want fs.ErrNotExist without the path", err)
	}
}

func TestWrite_RefusesWhatCannotBe(t *testing.T) {
	h, payload := sample()
	dir := t.TempDir()
	for name, change := range map[string]func(h *Header){
		"no tokens":       func(h *Header) { h.Tokens = 0 },
		"too many tokens": func(h *Header) { h.Tokens = 65 },
		"not a multiple":  func(h *Header) { h.From = 4 },
		"negative":        func(h *Header) { h.From = -64 },
		"no origin":       func(h *Header) { h.Origin = "" },
	} {
		other := h
		change(&other)
		if _, _, err := Write(dir, &secret, &other, payload); err == nil {
			t.Errorf("%s: it was written", name)
		}
	}
	if _, _, err := Write(dir, &secret, &h); err == nil {
		t.Error("an empty payload was written")
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("%d files were left", len(left))
	}
}

// Two files of one chunk have keys of their own, so that their tags say nothing of each other.
func TestWrite_SaltsEveryFile(t *testing.T) {
	h, payload := sample()
	first, err := os.ReadFile(put(t, t.TempDir(), h, payload))
	must(t, err)
	second, err := os.ReadFile(put(t, t.TempDir(), h, payload))
	must(t, err)
	if bytes.Equal(first[atSalt:atTag], second[atSalt:atTag]) || bytes.Equal(first[atTag:HeaderSize], second[atTag:HeaderSize]) {
		t.Error("two files have one salt or one tag")
	}
}
