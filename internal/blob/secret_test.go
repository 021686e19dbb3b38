package blob

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSecret_IsMadeOnceAndForItsOwnerAlone(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "secret.new-1"), nil, 0o600))
	made, err := OpenSecret(dir, rand.Reader)
	must(t, err)
	again, err := OpenSecret(dir, rand.Reader)
	must(t, err)
	if made != again || made == [32]byte{} {
		t.Errorf("got %x, then %x", made, again)
	}
	info, err := os.Stat(filepath.Join(dir, "secret"))
	must(t, err)
	if left, _ := os.ReadDir(dir); info.Mode().Perm() != 0o600 || len(left) != 1 {
		t.Errorf("mode %04o, and %d files", info.Mode().Perm(), len(left))
	}
}

func TestSecret_IsRefusedUnlessItIsAsItWasWritten(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "secret")
	_, err := OpenSecret(dir, rand.Reader)
	must(t, err)
	sound, err := os.ReadFile(path)
	must(t, err)
	for _, content := range []string{"", string(sound[:40]), string(sound[:len(sound)-1]), string(sound) + "x",
		strings.ToUpper(string(sound)), strings.Replace(string(sound), "secret 1\n", "secret 1\nz", 1), "kvasir secret 1\nend\n"} {
		must(t, os.WriteFile(path, []byte(content), 0o600))
		if _, err := OpenSecret(dir, rand.Reader); !errors.Is(err, ErrDamaged) {
			t.Errorf("%q: got %v, want ErrDamaged", content, err)
		}
		if now, _ := os.ReadFile(path); string(now) != content {
			t.Errorf("%q was changed", content)
		}
	}
	must(t, os.WriteFile(path, sound, 0o600))
	must(t, os.Chmod(path, 0o640))
	if _, err := OpenSecret(dir, rand.Reader); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("mode 0640: got %v, want fs.ErrPermission", err)
	}
}
