package fingerprint

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// counting is a random source that gives every salt another value: 32 bytes of 1, of 2 and so on.
type counting struct{ next byte }

func (c *counting) Read(p []byte) (int, error) {
	c.next++
	for i := range p {
		p[i] = c.next
	}
	return len(p), nil
}

func openSalts(t *testing.T, dir string) *Salts {
	t.Helper()
	s, err := OpenSalts(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func saltOf(t *testing.T, s *Salts, tenant string) Salt {
	t.Helper()
	salt, err := s.Salt(tenant)
	if err != nil {
		t.Fatal(err)
	}
	return salt
}

func TestSalts_AreKeptForEveryTenant(t *testing.T) {
	dir := t.TempDir()
	first := openSalts(t, dir)
	tenants := []string{"", "acme", "two words", "line\nbreak", `"quoted"`, "é", "\xff"}
	made := map[string]Salt{}
	for _, tenant := range tenants {
		made[tenant] = saltOf(t, first, tenant)
	}
	second := openSalts(t, dir)
	seen := map[Salt]bool{}
	for _, tenant := range tenants {
		salt := saltOf(t, second, tenant)
		if salt != made[tenant] || salt == (Salt{}) || seen[salt] {
			t.Errorf("the salt of %q was lost, is zero, or is another tenant's", tenant)
		}
		seen[salt] = true
	}
	info, err := os.Stat(filepath.Join(dir, "salts"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file has mode %v, error %v; want 0600", info.Mode(), err)
	}
}

func TestSalts_FileIsCreatedAtFirstUse(t *testing.T) {
	dir := t.TempDir()
	s, err := OpenSalts(dir, &counting{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "salts")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file exists before a salt does: %v", err)
	}
	saltOf(t, s, "b")
	saltOf(t, s, "a")
	want := "kvasir salts 1\n\"a\" " + strings.Repeat("02", 32) + "\n\"b\" " + strings.Repeat("01", 32) + "\nend\n"
	if got, err := os.ReadFile(filepath.Join(dir, "salts")); string(got) != want {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("%v are left in the folder", entries)
	}
}

func TestSalts_InMemory(t *testing.T) {
	s := NewSalts(&counting{})
	if a := saltOf(t, s, "a"); a == saltOf(t, s, "b") || a != saltOf(t, s, "a") {
		t.Error("tenants share a salt, or one has two")
	}
}

func TestSalts_ManyCallersGetOneSalt(t *testing.T) {
	dir := t.TempDir()
	s := openSalts(t, dir)
	const callers, tenants = 32, 4
	var got [callers]Salt
	var group sync.WaitGroup
	start := make(chan struct{})
	for i := range callers {
		group.Go(func() {
			<-start
			got[i], _ = s.Salt(fmt.Sprint(i % tenants))
		})
	}
	close(start)
	group.Wait()
	kept := openSalts(t, dir)
	for i, salt := range got {
		if salt == (Salt{}) || salt != saltOf(t, kept, fmt.Sprint(i%tenants)) {
			t.Errorf("caller %d got a salt that was not kept", i)
		}
	}
}

func TestOpenSalts_RefusesFilesOthersCanAccess(t *testing.T) {
	for _, mode := range []fs.FileMode{0o640, 0o604, 0o620, 0o666} {
		path := writeSalts(t, goodSalts)
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		_, err := OpenSalts(filepath.Dir(path), nil)
		if !errors.Is(err, fs.ErrPermission) || base.Hint(err) != "chmod 600 "+path {
			t.Errorf("mode %04o: error %v, hint %q", mode, err, base.Hint(err))
		}
	}
}

var (
	digits    = strings.Repeat("5a", 32)
	goodSalts = "kvasir salts 1\n\"a\" " + digits + "\nend\n"
)

func writeSalts(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "salts")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestOpenSalts_SaysWhatIsWrongAndWhere(t *testing.T) {
	line := func(s string) string { return strings.Replace(goodSalts, "\"a\" "+digits, s, 1) }
	for _, c := range []struct{ content, want string }{
		{"", "truncated"},
		{"kvasir sal", "truncated"},
		{"kvasir salts 1\n", "truncated"},
		{goodSalts[:40], "truncated"},
		{goodSalts[:len(goodSalts)-4], "truncated"},
		{goodSalts[:len(goodSalts)-1], "truncated"},
		{strings.Replace(goodSalts, " 1", " 2", 1), "line 1"},
		{"\x00\x01\x02", "line 1"},
		{line(""), "line 2"},
		{line("a " + digits), "line 2 does not begin with a tenant"},
		{line("`a` " + digits), "line 2 does not begin with a tenant"},
		{line("\"a " + digits), "line 2 does not begin with a tenant"},
		{line("\"a\"" + digits), "line 2 does not have one space"},
		{line("\"a\"  " + digits), "line 2 does not have one space"},
		{line("\"a\" " + digits[:62]), "line 2 does not have one space"},
		{line("\"a\" " + strings.ToUpper(digits)), "line 2 does not have one space"},
		{line("\"a\" " + digits + "\r"), "line 2 does not have one space"},
		{line("\"a\" " + digits + "\n\"a\" " + strings.Repeat("11", 32)), `line 3 names tenant "a" a second time`},
		{line("\"a\" " + digits + "\n\"b\" " + digits), "line 3 has the salt of line 2"},
	} {
		path := writeSalts(t, c.content)
		_, err := OpenSalts(filepath.Dir(path), nil)
		if !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%q: error %v, want ErrMalformed, %q and the path", c.content, err, c.want)
		} else if strings.Contains(strings.ToLower(err.Error()), digits[:8]) {
			t.Errorf("%q: error %v shows a part of the salt", c.content, err)
		}
		if got, _ := os.ReadFile(path); string(got) != c.content {
			t.Errorf("%q was changed to %q", c.content, got)
		}
	}
}

func TestOpenSalts_AFolderIsNoFile(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "salts"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenSalts(dir, nil); err == nil || !strings.Contains(err.Error(), "is not a file") {
		t.Errorf("error %v", err)
	}
}

// What a crash left before the file had its name is no salt, and goes.
func TestOpenSalts_RemovesWhatACrashLeft(t *testing.T) {
	path := writeSalts(t, goodSalts)
	left := path + ".new-123"
	if err := os.WriteFile(left, []byte(goodSalts[:30]), 0o600); err != nil {
		t.Fatal(err)
	}
	openSalts(t, filepath.Dir(path))
	if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 1 || entries[0].Name() != "salts" {
		t.Errorf("%v are left", entries)
	}
}

func TestSalts_ASaltThatCannotBeKeptIsNotGivenOut(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "gone")
	s := openSalts(t, dir)
	for range 2 {
		if salt, err := s.Salt("acme"); err == nil || salt != (Salt{}) || !strings.Contains(err.Error(), `"acme"`) {
			t.Errorf("error %v names no tenant, or a salt was given out", err)
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if salt := saltOf(t, s, "acme"); salt != saltOf(t, openSalts(t, dir), "acme") {
		t.Error("the salt was not kept")
	}
}

func TestSalts_ShortRandomSourceIsAnError(t *testing.T) {
	s := NewSalts(bytes.NewReader(make([]byte, 31)))
	if _, err := s.Salt("a"); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("error %v, want io.ErrUnexpectedEOF", err)
	}
}

func TestSalts_AreNeverPrinted(t *testing.T) {
	s := NewSalts(&counting{next: 0xaa})
	salt := saltOf(t, s, "a")
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "salt", salt, "salts", s, "list", []Salt{salt})
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "salt", salt, "salts", s)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		fmt.Fprintf(&log, verb+" "+verb+" "+verb+"\n", salt, s, struct{ Salt Salt }{salt})
	}
	for _, secret := range []string{"abab", "ABAB", "171", "0xab", "\xab"} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("%q is in %s", secret, log.String())
		}
	}
}

// FuzzSalts checks that no file makes the parser panic, and that what it accepts is kept whole.
func FuzzSalts(f *testing.F) {
	f.Add(goodSalts)
	f.Add("kvasir salts 1\nend\n")
	f.Add(strings.Replace(goodSalts, `"a"`, `"\xff\u00e9\n"`, 1))
	f.Fuzz(func(t *testing.T, content string) {
		salts, err := parseSalts(content)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatalf("error %v is not ErrMalformed", err)
			}
			return
		}
		again, err := parseSalts(string(encodeSalts(salts)))
		if err != nil || len(again) != len(salts) {
			t.Fatalf("%d salts became %d, %v", len(salts), len(again), err)
		}
		for tenant, salt := range salts {
			if again[tenant] != salt {
				t.Fatalf("the salt of %q changed", tenant)
			}
		}
	})
}
