package seal

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kvasir-cache/kvasir/internal/base"
)

var (
	keyText   = strings.Repeat("5a", 31) + "01"
	otherText = strings.Repeat("a5", 31) + "02"
)

func keyOf(t testing.TB, text string) *Key {
	t.Helper()
	k, err := ParseKey(text)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestParseKey_TakesHexAndBase64(t *testing.T) {
	raw, _ := hex.DecodeString(keyText)
	want := keyOf(t, keyText)
	for _, text := range []string{keyText + "\n", strings.ToUpper(keyText), " " + base64.StdEncoding.EncodeToString(raw) + "\r\n"} {
		if got := keyOf(t, text); *got != *want {
			t.Errorf("%q is another key", text)
		}
	}
}

func TestParseKey_RefusesWhatIsNoKey(t *testing.T) {
	for _, text := range []string{"", "swordfish", keyText[1:], keyText + "00", strings.Repeat("0", 64), strings.Repeat("x", 64)} {
		_, err := ParseKey(text)
		if err == nil {
			t.Errorf("%q was taken for a key", text)
		} else if text != "" && strings.Contains(err.Error(), text) {
			t.Errorf("%q is in the error %q", text, err)
		}
	}
}

func TestKeyFromFile_SaysWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string, mode fs.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	if k, err := KeyFromFile(write("good", keyText+"\n", 0o600)); err != nil || *k != *keyOf(t, keyText) {
		t.Errorf("got %v, %v", k, err)
	}
	for _, c := range []struct{ path, text, hint string }{
		{write("open", keyText, 0o644), "mode 0644", "chmod 600"},
		{write("short", "abc", 0o600), "3 characters", "openssl rand -hex 32"},
		{filepath.Join(dir, "none"), "no such file", "openssl rand -hex 32"},
		{dir, "is not a file", "openssl rand -hex 32"},
	} {
		_, err := KeyFromFile(c.path)
		if !errors.Is(err, ErrNoKey) || !strings.Contains(err.Error(), c.text) || !strings.Contains(base.Hint(err), c.hint) {
			t.Errorf("%s: got %v with hint %q, want ErrNoKey with %q and %q", c.path, err, base.Hint(err), c.text, c.hint)
		}
	}
}

// Programs that are started later, plugins among them, do not see the key.
func TestKeyFromEnvironment_TakesItOut(t *testing.T) {
	const name = "KVASIR_TEST_SEAL_KEY"
	if _, err := KeyFromEnvironment(name); !errors.Is(err, ErrNoKey) || !strings.Contains(err.Error(), name) {
		t.Errorf("not set: got %v", err)
	}
	t.Setenv(name, keyText)
	for range 2 {
		if k, err := KeyFromEnvironment(name); err != nil || *k != *keyOf(t, keyText) {
			t.Errorf("got %v, %v", k, err)
		}
		if _, there := os.LookupEnv(name); there {
			t.Error("the key is still in the environment")
		}
	}
}

func TestKey_IsNeverPrinted(t *testing.T) {
	k := keyOf(t, keyText)
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "key", k, "keys", []Key{*k})
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		fmt.Fprintf(&log, verb+" "+verb+"\n", k, *k)
	}
	for _, secret := range []string{"5a5a", "5A5A", "90 90", "0x5a", "ZZ"} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("%q is in %s", secret, log.String())
		}
	}
}
