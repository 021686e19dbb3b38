//go:build unix

package prochost

import (
	"os/exec"
	"syscall"
)

// ownGroup puts the command into a process group of its own, out of reach of the terminal's signals.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
}
