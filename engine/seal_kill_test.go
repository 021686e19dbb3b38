//go:build unix

package engine

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// resealEnv names the store that TestReseal_Victim brings to a goal until it is killed, and resealGoalEnv the goal.
const (
	resealEnv     = "KVASIR_RESEAL_VICTIM"
	resealGoalEnv = "KVASIR_RESEAL_GOAL"
)

func TestReseal_Victim(t *testing.T) {
	dir := os.Getenv(resealEnv)
	if dir == "" {
		t.Skip("it is run by TestReseal_KilledAtAnyMoment")
	}
	goal, err := strconv.Atoi(os.Getenv(resealGoalEnv))
	if err != nil {
		t.Fatal(err)
	}
	reseal(t, confidentialOptions(dir, sealKey(t, "a")), Goal(goal))
}

// A process that is killed on the way loses nothing: the store is what it was, or says that it is on its way, or is
// what it was to be.
func TestReseal_KilledAtAnyMoment(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "db")
	r := writeConfidential(t, confidentialOptions(dir, nil))
	for n := range 20 {
		r.ask(words(200, 0, "Hnikarr"+strconv.Itoa(n)))
	}
	closeRig(t, r)
	random := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1))
	sealed := confidentialOptions(dir, sealKey(t, "a"))
	for round := range 2 {
		for _, c := range []struct {
			goal  Goal
			after string
		}{{GoalSealed, "a"}, {GoalRenewed, "a"}, {GoalPlain, ""}} {
			victim := exec.Command(os.Args[0], "-test.run=^TestReseal_Victim$")
			victim.Env = append(os.Environ(), resealEnv+"="+dir, resealGoalEnv+"="+strconv.Itoa(int(c.goal)))
			if err := victim.Start(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Duration(random.IntN(300)) * time.Millisecond) // any moment will do
			_ = victim.Process.Kill()                                      // it may be done
			_ = victim.Wait()
			if _, err := Reseal(t.Context(), sealed, c.goal, func(string, int) {}); err != nil &&
				!(errors.Is(err, ErrSealed) && c.goal == GoalSealed || errors.Is(err, ErrPlain) && c.goal == GoalPlain) {
				t.Fatalf("goal %d does not go on: %v", c.goal, err)
			}
			wantConfidential(t, fmt.Sprintf("round %d, goal %d", round, c.goal), confidentialOptions(dir, keyOrNone(t, c.after)))
			if c.goal == GoalSealed {
				wantHidden(t, "sealed after a kill", dir, r)
			}
		}
	}
}
