//go:build !linux

package main

import "syscall"

// beNice lowers the priority of this process.
func beNice(n int) error { return syscall.Setpriority(syscall.PRIO_PROCESS, 0, n) }
