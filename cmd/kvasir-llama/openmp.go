package main

import (
	"os"
	"syscall"
)

// waitPolicy is the variable that tells OpenMP what threads do between two pieces of work.
const waitPolicy = "OMP_WAIT_POLICY"

// sleepBetweenWork makes idle OpenMP threads sleep. By default they spin, which on a busy machine
// takes the processor from the thread they wait for (docs/decisions/0002-threads.md has figures).
// The OpenMP library reads the variable before main, so the process replaces itself, once. A value
// set by the user stays.
func sleepBetweenWork() error {
	if _, set := os.LookupEnv(waitPolicy); set {
		return nil
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	return syscall.Exec(self, os.Args, append(os.Environ(), waitPolicy+"=passive"))
}
