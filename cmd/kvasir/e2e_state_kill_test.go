//go:build llama && linux

package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/engine"
	"github.com/kvasir-cache/kvasir/internal/atlas"
	"github.com/kvasir-cache/kvasir/internal/base"
)

// savingChat is a chat of which every turn saves state, restores some and evicts some.
type savingChat struct {
	system string
	lines  []string
}

// turnsOfAChat are more than it gets to before it is killed.
const turnsOfAChat = 20

func newSavingChat(round int, random *rand.Rand) *savingChat {
	facts := atlas.Facts()
	c := &savingChat{system: instructions(fmt.Sprint(round % 3))}
	for n := range turnsOfAChat {
		c.lines = append(c.lines, fmt.Sprintf("Round %d, message %d. %s", round, n, facts[random.IntN(len(facts))].Prompt))
	}
	return c
}

func (c *savingChat) start(t *testing.T, dir string, out *bytes.Buffer) *exec.Cmd {
	t.Helper()
	cmd := kvasirIn(dir, "run", "-i", "--system", c.system)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(strings.Join(c.lines, "\n")+"\n"), out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

// killStopped kills a kvasir that is stopped first, so that it starts no host meanwhile, and waits until it and
// its host are gone. It reports whether kvasir had not ended before.
func killStopped(t *testing.T, cmd *exec.Cmd) bool {
	t.Helper()
	if err := cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	host := childOf(cmd.Process.Pid)
	cmd.Process.Kill()
	cmd.Wait()
	if host != 0 {
		eventually(t, func() bool { return !running(host) }, func() string { return fmt.Sprintf("host %d outlived kvasir", host) })
	}
	return !cmd.ProcessState.Exited()
}

// TestEndToEnd_KilledWhileSavingState kills kvasir and its host in turns, at random moments of chats that save,
// restore and evict state all the time, every other time beside a second kvasir on the same store. Whatever was on
// its way: the store opens, no file is left that has no record, no unfinished one, no chunk that is there is bad,
// and what is answered from it is what a cold run answers.
func TestEndToEnd_KilledWhileSavingState(t *testing.T) {
	rounds := numberIn(t, killsEnv, 20)
	dir := t.TempDir()
	configure(t, dir, `min_prefill = "0"`, `max_bytes = "2MiB"`)
	random := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 3))
	r := newStateRig(t, startHost(t, base.LoadOptions{Parallel: 1}))
	var out bytes.Buffer
	began := time.Now()
	if err := newSavingChat(-1, random).start(t, dir, &out).Wait(); err != nil {
		t.Fatal(err, &out)
	}
	usual, killed, restored := time.Since(began), 0, 0
	for round := range rounds {
		chat := newSavingChat(round, random)
		if killChat(t, chat, dir, round, time.Duration(random.Int64N(int64(usual/2)))) {
			killed++
		}
		r.open(dir, engine.StateOptions{MinPrefill: -1, MaxBytes: 2 << 20, Answers: engine.AnswersOff})
		r.checkStateFiles(filepath.Join(storeIn(dir), "kv"))
		restored += r.replay(chat)
		r.checkStateFiles(filepath.Join(storeIn(dir), "kv"))
		if damaged := r.stat("kv.damaged"); damaged > 0 || r.stat("kv.refused") > 0 {
			t.Fatalf("round %d: %d chunks were damaged, %d refused", round, damaged, r.stat("kv.refused"))
		}
		if round == rounds-1 {
			t.Logf("%d of %d were killed; over all %d chunks were saved, %d evicted, %d lost; swept were %d files without a record and %d unfinished ones",
				killed, rounds, r.stat("kv.saved"), r.stat("kv.evicted"), r.stat("kv.lost"), r.stat("kv.orphans"), r.stat("kv.leftovers"))
		}
		r.close()
	}
	if killed < rounds/2 || restored == 0 {
		t.Errorf("%d were killed, %d tokens restored afterwards: nothing is proved", killed, restored)
	}
}

// killChat runs a chat and kills it, or its host, after a while. It reports whether something was killed.
func killChat(t *testing.T, chat *savingChat, dir string, round int, after time.Duration) bool {
	t.Helper()
	var others sync.WaitGroup
	defer others.Wait()
	if round%4 >= 2 {
		others.Go(func() {
			text, err := kvasirIn(dir, "run", "--system", chat.system, "-p", chat.lines[0]+" Beside.").CombinedOutput()
			if err != nil {
				t.Errorf("round %d: the one beside failed: %v, %s", round, err, text)
			}
		})
	}
	var out bytes.Buffer
	cmd := chat.start(t, dir, &out)
	if round%2 == 0 {
		time.Sleep(after) // any moment will do
		return killStopped(t, cmd)
	}
	host := 0
	eventually(t, func() bool { host = childOf(cmd.Process.Pid); return host != 0 }, func() string { return "kvasir started no host" })
	time.Sleep(after)
	hit := host != 0 && syscall.Kill(host, syscall.SIGKILL) == nil
	// A host that is killed while it starts costs its message the answer.
	if err := cmd.Wait(); err != nil && (!hit || !strings.Contains(out.String(), "got no answer")) {
		t.Errorf("round %d: kvasir ended with %v: %s", round, err, &out)
	}
	return hit
}

// replay has the first turns of a chat answered with what saved state there is, and holds that they are the
// answers of a cold run. It returns how many tokens were restored.
func (r *stateRig) replay(c *savingChat) (restored int) {
	r.t.Helper()
	var turns []string
	for _, line := range c.lines[:3] {
		turns = append(turns, line)
		q := talk(c.system, turns...)
		restored += r.agrees(q)
		turns = append(turns, r.cold(q).Text)
	}
	return restored
}
