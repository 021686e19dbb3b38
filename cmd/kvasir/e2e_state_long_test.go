//go:build llama && linux

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/internal/atlas"
)

// liveChat is a kvasir that is asked message by message.
type liveChat struct {
	t   *testing.T
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
	err bytes.Buffer // what it says beside its answers; to be read when it has ended
}

func startChat(t *testing.T, dir string, args ...string) *liveChat {
	t.Helper()
	c := &liveChat{t: t, cmd: kvasirIn(dir, append([]string{"run", "-i"}, args...)...)}
	c.cmd.Stderr = &c.err
	out, err := c.cmd.StdoutPipe()
	if err == nil {
		c.in, err = c.cmd.StdinPipe()
	}
	if err == nil {
		err = c.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	c.out = bufio.NewScanner(out)
	t.Cleanup(func() { c.cmd.Process.Kill(); c.cmd.Wait() })
	return c
}

// ask returns the answer to a message. A chat that gives none for a minute is killed.
func (c *liveChat) ask(message string) string {
	c.t.Helper()
	patience := time.AfterFunc(time.Minute, func() { c.cmd.Process.Kill() })
	defer patience.Stop()
	io.WriteString(c.in, message+"\n")
	if !c.out.Scan() {
		c.cmd.Wait()
		c.t.Fatalf("%q got no answer: %v, %s", message, c.out.Err(), &c.err)
	}
	return c.out.Text()
}

func (c *liveChat) end() {
	c.t.Helper()
	c.in.Close()
	if err := c.cmd.Wait(); err != nil {
		c.t.Error(err, &c.err)
	}
}

// residentOf returns the memory of a process in KiB.
func residentOf(t *testing.T, pid int) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	var size, pages int
	if err == nil {
		_, err = fmt.Sscan(string(text), &size, &pages)
	}
	if err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize() >> 10
}

// requestsEnv says how many requests memory is watched over; make kill sets it to 2000.
const requestsEnv = "KVASIR_REQUESTS"

// stateSlack is what memory may grow by once caches have filled, in KiB. A lost buffer of one chunk a request would
// be 64 KiB each.
const stateSlack = 8 << 10

// TestEndToEnd_MemoryStaysFlatOverSavedState has one kvasir and its host answer requests of which each restores a
// beginning, saves the rest, reads its answer once more, and evicts older state and older answers.
func TestEndToEnd_MemoryStaysFlatOverSavedState(t *testing.T) {
	requests, dir := numberIn(t, requestsEnv, 200), t.TempDir()
	configure(t, dir, `min_prefill = "0"`, `max_bytes = "1MiB"`, "[cache]", "max_entries = 50")
	chat := startChat(t, dir, "--system", instructions("memory"))
	facts := atlas.Facts()
	ask := func(n int) { chat.ask(fmt.Sprintf("Message %d. %s", n, facts[n%len(facts)].Prompt)) }
	ask(0)
	kvasir, host := chat.cmd.Process.Pid, childOf(chat.cmd.Process.Pid)
	for n := range requests / 2 {
		ask(1 + n)
	}
	before := [2]int{residentOf(t, kvasir), residentOf(t, host)}
	for n := range requests - requests/2 {
		ask(1 + requests/2 + n)
		if (n+1)%max(1, requests/16) == 0 {
			t.Logf("after %d: %d and %d KiB", 1+requests/2+n, residentOf(t, kvasir), residentOf(t, host))
		}
	}
	after := [2]int{residentOf(t, kvasir), residentOf(t, host)}
	t.Logf("over the second half of %d requests kvasir went from %d to %d KiB, its host from %d to %d", requests, before[0], after[0], before[1], after[1])
	for i, who := range []string{"kvasir", "its host"} {
		if after[i] > before[i]+stateSlack {
			t.Errorf("%s grew from %d to %d KiB over %d requests", who, before[i], after[i], requests-requests/2)
		}
	}
	chat.end()
	stats := stateStats(t, dir)
	t.Logf("%v resumed, %v chunks saved, %v evicted, %v answers evicted", stats["kv.resumed"], stats["kv.saved"], stats["kv.evicted"], stats["cache.evicted"])
	for _, name := range []string{"kv.resumed", "kv.saved", "kv.evicted", "kv.recomputed"} {
		if stats[name] < float64(requests)/4 {
			t.Errorf("%s is %v over %d requests; too few to prove anything", name, stats[name], requests)
		}
	}
	if stats["kv.bytes"] > 1<<20 {
		t.Errorf("%v bytes are kept, more than the budget", stats["kv.bytes"])
	}
}

// TestEndToEnd_ResumesBesideTheOwner has a chat own the store, and runs beside it go on from what the chat saved,
// and it from what they saved.
func TestEndToEnd_ResumesBesideTheOwner(t *testing.T) {
	dir := t.TempDir()
	configure(t, dir, `min_prefill = "0"`)
	system, facts := instructions("beside"), atlas.Facts()
	chat := startChat(t, dir, "--system", system, "-v")
	chat.ask(facts[0].Prompt)
	beside := func(prompt string) (got runOutput) {
		t.Helper()
		if err := inJSON(kvasirIn(dir, "run", "--json", "--system", system, "-p", prompt), &got); err != nil {
			t.Fatal(err)
		}
		return got
	}
	first := beside(facts[1].Prompt)
	if first.Decision.Action != "resume" || first.Resume == nil || first.Resume.Restored < 128 {
		t.Errorf("beside the owner: %+v, %+v", first.Decision, first.Resume)
	}
	longer := facts[2].Prompt + strings.Repeat(" Please.", 40)
	beside(longer)
	if got := beside(longer + " " + facts[3].Prompt); got.Resume == nil || got.Resume.Restored <= first.Resume.Restored+64 {
		t.Errorf("what a run beside the owner saved was not restored: %+v", got.Resume)
	}
	if stats := stateStats(t, dir); stats["kv.resumed"] < 2 || stats["kv.size"] == 0 {
		t.Errorf("metrics beside the owner: %v resumed, %v chunks", stats["kv.resumed"], stats["kv.size"])
	}
	chat.end()
	if got := beside(longer + " " + facts[4].Prompt); got.Resume == nil || got.Resume.Restored <= first.Resume.Restored+64 {
		t.Errorf("after the owner ended: %+v", got.Resume)
	}
}
