//go:build llama && linux

package main

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/internal/atlas"
)

// kvasirIn returns a command that runs kvasir in a folder.
func kvasirIn(dir string, args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), asKvasir+"=1", "KVASIR_CACHE_DIR="+filepath.Join(dir, "cache"))
	return cmd
}

// TestEndToEnd_KilledKvasirLosesNothingItAcknowledged kills kvasir at random moments. An answer whose
// process ended by itself is safe; of the others each is there whole or not at all.
func TestEndToEnd_KilledKvasirLosesNothingItAcknowledged(t *testing.T) {
	const rounds = 20
	dir := t.TempDir()
	random := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
	facts := atlas.Facts()[:rounds]
	acknowledged := make([]bool, rounds)
	for i, fact := range facts {
		cmd := kvasirIn(dir, "run", "-p", fact.Prompt)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		select {
		case err := <-ended:
			acknowledged[i] = err == nil
		case <-time.After(time.Duration(random.IntN(400)) * time.Millisecond): // any moment will do
			cmd.Process.Kill()
			acknowledged[i] = <-ended == nil
		}
	}
	for i, fact := range facts {
		var out bytes.Buffer
		cmd := kvasirIn(dir, "run", "-p", fact.Prompt, "--json", "--host", "/nonexistent")
		cmd.Stdout = &out
		if err := cmd.Run(); err != nil {
			if acknowledged[i] {
				t.Errorf("%q was acknowledged and is gone: %v", fact.Prompt, err)
			}
			continue
		}
		var got runOutput
		if err := json.Unmarshal(out.Bytes(), &got); err != nil || got.Answer != fact.Answer {
			t.Errorf("%q has the answer %q, want %q; %v", fact.Prompt, got.Answer, fact.Answer, err)
		}
	}
}
