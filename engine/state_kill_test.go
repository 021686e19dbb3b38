//go:build unix

package engine

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"
)

// victimEnv names the store in which TestState_Victim saves state until it is killed.
const victimEnv = "KVASIR_STATE_VICTIM"

func victimOptions(dir string) Options {
	return Options{Dir: dir, FlushInterval: time.Millisecond, State: StateOptions{MaxBytes: 15_000, MinPrefill: -1}}
}

func TestState_Victim(t *testing.T) {
	dir := os.Getenv(victimEnv)
	if dir == "" {
		t.Skip("it is run by TestState_KilledWhileSaving")
	}
	r := newRig(t, victimOptions(dir))
	for n := 0; ; n++ {
		r.ask(words(200, 64*rand.IntN(3), fmt.Sprint("x", rand.Uint32(), "y")))
		fmt.Println("saved")
	}
}

// Whenever a process is killed while it saves, evicts and sweeps: what it leaves agrees, no unfinished file is
// left, and whatever is recorded can be used.
func TestState_KilledWhileSaving(t *testing.T) {
	dir := t.TempDir()
	random := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1))
	rounds := 5
	if n, err := strconv.Atoi(os.Getenv("KVASIR_KILLS")); err == nil {
		rounds = n
	}
	for round := range rounds {
		victim := exec.Command(os.Args[0], "-test.run=^TestState_Victim$")
		victim.Env = append(os.Environ(), victimEnv+"="+dir)
		out, err := victim.StdoutPipe()
		if err == nil {
			err = victim.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		for lines := bufio.NewScanner(out); lines.Scan() && lines.Text() != "saved"; {
		}
		time.Sleep(time.Duration(random.IntN(300)) * time.Millisecond) // any moment will do
		if err := victim.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = victim.Wait()
		r := newRig(t, victimOptions(dir))
		waitFor(t, r.engine.states.swept)
		checkFiles(t, r.engine)
		if r.stat("kv.size") == 0 {
			t.Errorf("round %d: nothing is left", round)
		}
		for n := range 3 {
			r.ask(words(200, 64*n, "z"))
		}
		if r.host.bad.Load() > 0 {
			t.Errorf("round %d: %d chunks could not be used", round, r.host.bad.Load())
		}
		if err := errors.Join(r.Close(), r.engine.Close()); err != nil {
			t.Fatal(err)
		}
	}
}
