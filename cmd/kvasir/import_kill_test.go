//go:build linux && !llama && !race

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/snapshot"
)

// quietKvasir returns a command that runs kvasir in a folder.
func quietKvasir(dir string, args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), asKvasir+"=1", "KVASIR_CACHE_DIR="+filepath.Join(dir, "cache"))
	return cmd
}

func exportOf(t *testing.T, path string, n int) {
	t.Helper()
	_, err := snapshot.WriteFile(path, func(w io.Writer) error {
		lines := snapshot.NewWriter(w)
		for i := range n {
			r := snapshot.Record{
				Model: strings.Repeat("ab", 32), Request: snapshot.Request{Messages: []base.Message{{Role: "user", Content: fmt.Sprint("question ", i)}}},
				Answer: strings.Repeat(fmt.Sprint("answer ", i, " "), 40), FinishReason: base.FinishStop, Created: time.Unix(1_700_000_000, int64(i)).UTC(),
			}
			if err := lines.Write(&r); err != nil {
				return err
			}
		}
		return lines.End()
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestImport_KilledLosesNothingItAcknowledged kills kvasir import at random moments. What an earlier command
// acknowledged is there, of the import each entry whole or not at all, and all of it after the import is repeated.
func TestImport_KilledLosesNothingItAcknowledged(t *testing.T) {
	rounds := 6
	if testing.Short() {
		rounds = 3
	}
	dir := t.TempDir()
	const few, many = 500, 20_000
	exportOf(t, filepath.Join(dir, "few.jsonl"), few)
	exportOf(t, filepath.Join(dir, "many.jsonl"), many)
	// For every command: one that takes long enough would remove what is past the usual limit.
	if err := os.WriteFile(filepath.Join(dir, "cache.toml"), []byte("[cache]\nmax_entries = 100_000\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if out, err := quietKvasir(dir, "import", "many.jsonl", "--no-index", "--cache-file", "whole.db").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	usual := time.Since(began)
	whole, err := os.ReadFile(filepath.Join(dir, "many.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for line := range bytes.Lines(whole) {
		known[string(line)] = true
	}
	random, partial := rand.New(rand.NewPCG(1, 2)), 0
	for round := range rounds {
		db := fmt.Sprintf("round%d.db", round)
		if out, err := quietKvasir(dir, "import", "few.jsonl", "--no-index", "--cache-file", db).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		cmd := quietKvasir(dir, "import", "many.jsonl", "--no-index", "--cache-file", db)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(random.Int64N(int64(usual)))) // any moment will do
		_ = cmd.Process.Kill()
		killed := cmd.Wait() != nil
		if out, err := quietKvasir(dir, "check", "--cache-file", db).CombinedOutput(); err != nil {
			t.Fatalf("round %d: %v: %s", round, err, out)
		}
		out, err := quietKvasir(dir, "export", "-", "--cache-file", db).Output()
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for line := range bytes.Lines(out) {
			if !bytes.HasPrefix(line, []byte(`{"model"`)) {
				continue
			}
			if n++; !known[string(line)] {
				t.Fatalf("round %d: half an entry: %s", round, line)
			}
		}
		if n < few {
			t.Errorf("round %d: %d entries, and %d were acknowledged", round, n, few)
		}
		if killed && n > few && n < many {
			partial++
		}
		var again struct{ Added, Unchanged int }
		text, err := quietKvasir(dir, "import", "many.jsonl", "--no-index", "--cache-file", db, "--json").Output()
		if err == nil {
			err = json.Unmarshal(text, &again)
		}
		if err != nil || again.Unchanged != n || again.Added != many-n {
			t.Errorf("round %d: %d were there, and repeating says %+v, %v", round, n, again, err)
		}
		os.RemoveAll(filepath.Join(dir, db))
	}
	t.Logf("%d of %d were killed in the middle", partial, rounds)
}

// nthLine is where the nth line of a text ends.
func nthLine(text []byte, n int) (end int) {
	for range n {
		end += bytes.IndexByte(text[end:], '\n') + 1
	}
	return end
}

// TestImport_BesideAnOwner imports and exports through a process that has the store, and marks an answer.
func TestImport_BesideAnOwner(t *testing.T) {
	dir := t.TempDir()
	exportOf(t, filepath.Join(dir, "x.jsonl"), 3000)
	owner := quietKvasir(dir, "import", "-") // has the store until its input ends
	in, err := owner.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := owner.Start(); err != nil {
		t.Fatal(err)
	}
	defer owner.Wait()
	defer in.Close()
	lines, _ := os.ReadFile(filepath.Join(dir, "x.jsonl"))
	if _, err := in.Write(lines[:nthLine(lines, 2)]); err != nil { // it makes a store where there is an entry to come
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "snapshot", "llama_cache.db", "control.sock")
	for until := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(socket); err == nil {
			break
		}
		if time.Now().After(until) {
			t.Fatal("nobody has the store")
		}
	}
	succeeds := func(want string, args ...string) {
		t.Helper()
		text, err := quietKvasir(dir, args...).CombinedOutput()
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("kvasir %q: %v, %q, want %q in it", args, err, text, want)
		}
	}
	succeeds("3000 added", "import", "x.jsonl")
	succeeds("wrote 3000 entries", "export", "y.jsonl")
	succeeds("serves nobody any more", "bad", "7")
	succeeds("retired", "bad", "--list")
	succeeds("no longer wrong", "bad", "7", "--undo")
	x, _ := os.ReadFile(filepath.Join(dir, "x.jsonl"))
	y, _ := os.ReadFile(filepath.Join(dir, "y.jsonl"))
	if !bytes.Equal(x, y) {
		t.Errorf("%d bytes were imported, and %d exported", len(x), len(y))
	}
	text, err := quietKvasir(dir, "check").CombinedOutput()
	if err == nil || !strings.Contains(string(text), "needs the store for itself") {
		t.Errorf("check beside an owner: %v, %s", err, text)
	}
}
