package main

import (
	"os"
	"strconv"
	"syscall"
)

// beNice lowers the priority of every thread of this process. Linux keeps it by thread, and threads
// made later inherit it; the second pass catches those a thread made during the first.
func beNice(n int) error {
	for range 2 {
		tasks, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return err
		}
		for _, task := range tasks {
			tid, err := strconv.Atoi(task.Name())
			if err != nil {
				return err
			}
			if err := syscall.Setpriority(syscall.PRIO_PROCESS, tid, n); err != nil && err != syscall.ESRCH {
				return err
			}
		}
	}
	return nil
}
