package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kvasir-cache/kvasir/internal/pack"
)

// makePack writes a pack of the lines of an export, signed with a key that it makes.
func makePack(t *testing.T, path, key, lines string) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := pack.MakeKeys(key)
	must(err)
	private, err := pack.PrivateKey(key)
	must(err)
	var b bytes.Buffer
	w, err := pack.NewWriter(&b)
	must(err)
	must(w.Entries(func(w io.Writer) (int, error) {
		_, err := io.WriteString(w, lines)
		return strings.Count(lines, "\n") - 2, err
	}))
	must(w.Sign(private))
	must(os.WriteFile(path, b.Bytes(), 0o600))
}

func TestImportPack_TellsWhatIsStoredBesideABadLine(t *testing.T) {
	dir := t.TempDir()
	file, key := filepath.Join(dir, "x.kvpack"), filepath.Join(dir, "x.key")
	entry := `{"model":"` + strings.Repeat("ab", 32) + `","request":{"prompt":"q"},"answer":"a","finish_reason":"stop","usage":{},"timings":{"cost_ns":1},"created":"2026-01-02T03:04:05Z"}` + "\n"
	makePack(t, file, key, `{"kvasir":"export","version":2}`+"\n"+entry+strings.Replace(entry, "abab", "no", 1)+`{"end":true,"entries":2}`+"\n")
	for _, c := range []struct {
		flags    []string
		code     int
		out, err string
	}{
		{nil, exitFailure, "read 1 entry: 1 added", "line 3: its model is no id"},
		{[]string{"--skip-bad"}, 0, "1 line could not be used", "kvasir: note: line 3 is left out: its model is no id"},
	} {
		var stdout, stderr bytes.Buffer
		args := append([]string{"import", "--pack", file, "--key", key + ".pub", "--cache-file", filepath.Join(t.TempDir(), "x.db")}, c.flags...)
		if code := run(args, nil, &stdout, &stderr); code != c.code || !strings.Contains(stdout.String(), c.out) || !strings.Contains(stderr.String(), c.err) {
			t.Errorf("%v: code %d, stdout %q, stderr %q; want %d, %q and %q", c.flags, code, &stdout, &stderr, c.code, c.out, c.err)
		}
	}
}
