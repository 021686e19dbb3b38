//go:build llama && linux

package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
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

// TestEndToEnd_KilledKvasirLosesNothingItAcknowledged kills kvasir at random moments, in every other round
// beside a second one that uses the same store. An answer whose process ended by itself is safe; of the
// others each is there whole or not at all.
func TestEndToEnd_KilledKvasirLosesNothingItAcknowledged(t *testing.T) {
	rounds := numberIn(t, killsEnv, 20)
	dir := t.TempDir()
	random := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
	facts := atlas.Facts()[:2*rounds]
	acknowledged := make([]bool, len(facts))
	killed := 0
	began := time.Now()
	if err := kvasirIn(dir, "run", "-p", atlas.Facts()[len(facts)].Prompt).Run(); err != nil {
		t.Fatal(err)
	}
	usual := time.Since(began) // what a run takes; half of the moments below are later
	for round := range rounds {
		var others sync.WaitGroup
		if round%2 == 1 {
			others.Go(func() {
				acknowledged[rounds+round] = kvasirIn(dir, "run", "-p", facts[rounds+round].Prompt).Run() == nil
				if !acknowledged[rounds+round] {
					t.Errorf("round %d: the one that was not killed failed", round)
				}
			})
		}
		cmd := kvasirIn(dir, "run", "-p", facts[round].Prompt)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		select {
		case err := <-ended:
			acknowledged[round] = err == nil
		case <-time.After(time.Duration(random.Int64N(int64(2 * usual)))): // any moment will do
			cmd.Process.Kill()
			killed++
			acknowledged[round] = <-ended == nil
		}
		others.Wait()
	}
	t.Logf("%d of %d were killed before they ended", killed, rounds)
	for i, fact := range facts {
		got, err := answered(t, kvasirIn(dir, "run", "-p", fact.Prompt, "--json", "--host", "/nonexistent"))
		switch {
		case err != nil && acknowledged[i]:
			t.Errorf("%q was acknowledged and is gone: %v", fact.Prompt, err)
		case err == nil && got.Answer != fact.Answer:
			t.Errorf("%q has the answer %q, want %q", fact.Prompt, got.Answer, fact.Answer)
		}
	}
}

// answered runs kvasir run --json.
func answered(t *testing.T, cmd *exec.Cmd) (got runOutput, err error) {
	t.Helper()
	err = inJSON(cmd, &got)
	return got, err
}

// inJSON runs a command that prints JSON. Its error holds what the command printed on standard error.
func inJSON(cmd *exec.Cmd, into any) error {
	out, err := cmd.Output()
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		return fmt.Errorf("%w: %s", err, failed.Stderr)
	}
	if err == nil {
		err = json.Unmarshal(out, into)
	}
	return err
}

// TestEndToEnd_EveryCommandWorksBesideTheOwner lets a chat have the store, uses all commands beside it,
// and kills it.
func TestEndToEnd_EveryCommandWorksBesideTheOwner(t *testing.T) {
	dir := t.TempDir()
	facts := atlas.Facts()
	chat := kvasirIn(dir, "run", "-i")
	in, err := chat.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := chat.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := chat.Start(); err != nil {
		t.Fatal(err)
	}
	defer chat.Wait()
	defer chat.Process.Kill()
	lines := bufio.NewScanner(out)
	ask := func(prompt string) string {
		io.WriteString(in, prompt+"\n")
		lines.Scan()
		return lines.Text()
	}
	if got := ask(facts[0].Prompt); got != facts[0].Answer {
		t.Fatalf("chat: %q", got)
	}
	succeeds := func(want string, args ...string) {
		t.Helper()
		text, err := kvasirIn(dir, args...).CombinedOutput()
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("kvasir %q: %v, %q, want %q in it", args, err, text, want)
		}
	}
	succeeds("\"cache.size\":1,", "stats", "--json")
	succeeds(facts[0].Prompt, "ls")
	succeeds(facts[0].Answer, "get", "1")
	succeeds(facts[0].Answer, "run", "-p", facts[0].Prompt, "--host", "/nonexistent")
	succeeds(facts[1].Answer, "run", "-p", facts[1].Prompt)
	succeeds(facts[1].Answer, "run", "-p", facts[1].Prompt, "--host", "/nonexistent")
	succeeds("and its settings count: cache.ttl = \"72h\"", "run", "-p", facts[1].Prompt, "--cache-ttl-hours=1")
	succeeds("removed 1", "rm", "1")
	if err := kvasirIn(dir, "run", "-p", facts[0].Prompt, "--host", "/nonexistent").Run(); err == nil {
		t.Error("a removed answer serves")
	}
	chat.Process.Kill()
	chat.Wait()
	succeeds(facts[1].Answer, "run", "-p", facts[1].Prompt, "--host", "/nonexistent")
	succeeds("\"cache.size\":1,", "stats", "--json")
}

// TestEndToEnd_RunsAtOnceShareTheStore starts several at the same time on a store that is not there yet.
func TestEndToEnd_RunsAtOnceShareTheStore(t *testing.T) {
	dir := t.TempDir()
	facts := atlas.Facts()[:4]
	var all sync.WaitGroup
	for _, fact := range facts {
		all.Go(func() {
			got, err := answered(t, kvasirIn(dir, "run", "-p", fact.Prompt, "--json"))
			if err != nil || got.Answer != fact.Answer || got.Decision.Action != "miss" {
				t.Errorf("%q: %+v, %v", fact.Prompt, got, err)
			}
		})
	}
	all.Wait()
	for _, fact := range facts {
		got, err := answered(t, kvasirIn(dir, "run", "-p", fact.Prompt, "--json", "--host", "/nonexistent"))
		if err != nil || got.Answer != fact.Answer {
			t.Errorf("%q: %+v, %v", fact.Prompt, got, err)
		}
	}
}
