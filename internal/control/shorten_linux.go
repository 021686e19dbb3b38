package control

import (
	"os"
	"strconv"
)

// shorten returns a name of a folder that is short enough for the address of a socket in it, which may
// have 107 bytes, and what gives the name up.
func shorten(dir string) (name string, done func(), err error) {
	f, err := os.Open(dir)
	if err != nil {
		return "", nil, err
	}
	return "/proc/self/fd/" + strconv.Itoa(int(f.Fd())), func() { _ = f.Close() }, nil
}
