package wasmhost

import (
	"encoding/binary"
	"log/slog"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/kvasir-cache/kvasir/hostapi"
)

// Error numbers of WASI.
const (
	errnoBadf  = 8
	errnoFault = 21
	errnoInval = 28
	errnoNosys = 52
)

// wasiBase gives every function of WASI as the engine has them: without files, environment and network,
// with a clock that only counts how often it is read.
func wasiBase(b wazero.HostModuleBuilder) {
	wasi_snapshot_preview1.NewFunctionExporter().ExportFunctions(b)
}

// wasiFuncs replace those functions of WASI whose work depends on a length that the guest names, so that
// it is bounded and charged, and those that mean something else here.
func wasiFuncs() []hostFunc {
	funcs := []hostFunc{
		{"fd_read", values(i32, i32, i32, i32), values(i32), "", wasiRead},
		{"fd_write", values(i32, i32, i32, i32), values(i32), "", wasiWrite},
		{"poll_oneoff", values(i32, i32, i32, i32), values(i32), "", wasiPoll},
		{"random_get", values(i32, i32), values(i32), "", wasiRandom},
		{"proc_exit", values(i32), nil, "", wasiExit},
		{"proc_raise", values(i32), values(i32), "", wasiReturn(errnoNosys)},
	}
	// There is no file to have a path or a place in, so their answer is always the same.
	for name, params := range map[string][]byte{
		"fd_pread": values(i32, i32, i32, i64, i32), "fd_pwrite": values(i32, i32, i32, i64, i32),
		"fd_readdir": values(i32, i32, i32, i64, i32), "fd_renumber": values(i32, i32),
		"fd_allocate": values(i32, i64, i64), "fd_filestat_set_size": values(i32, i64),
		"path_create_directory": values(i32, i32, i32), "path_filestat_get": values(i32, i32, i32, i32, i32),
		"path_filestat_set_times": values(i32, i32, i32, i32, i64, i64, i32),
		"path_link":               values(i32, i32, i32, i32, i32, i32, i32),
		"path_open":               values(i32, i32, i32, i32, i32, i64, i64, i32, i32),
		"path_readlink":           values(i32, i32, i32, i32, i32, i32),
		"path_remove_directory":   values(i32, i32, i32), "path_rename": values(i32, i32, i32, i32, i32, i32),
		"path_symlink": values(i32, i32, i32, i32, i32), "path_unlink_file": values(i32, i32, i32),
		"sock_accept": values(i32, i32, i32), "sock_recv": values(i32, i32, i32, i32, i32, i32),
		"sock_send": values(i32, i32, i32, i32, i32), "sock_shutdown": values(i32, i32),
	} {
		funcs = append(funcs, hostFunc{name, params, values(i32), "", wasiReturn(errnoBadf)})
	}
	return funcs
}

func wasiReturn(errno uint64) func(*instance, []uint64) {
	return func(in *instance, s []uint64) {
		in.charge(stepsCall)
		s[0] = errno
	}
}

// vectors calls f with each buffer of a list of (pointer, length), as long as f returns true. It returns an
// error number.
func (in *instance) vectors(list, n uint64, f func(b []byte) bool) uint64 {
	if uint32(n) > maxVectors {
		return errnoInval
	}
	in.charge(stepsCall + uint64(uint32(n)))
	for table := in.arg("iovs", list, 8*uint64(uint32(n))); len(table) > 0; table = table[8:] {
		ptr := binary.LittleEndian.Uint32(table)
		size := binary.LittleEndian.Uint32(table[4:])
		b := in.arg("iovs", uint64(ptr), uint64(size))
		in.charge(uint64(size) / 64)
		if !f(b) {
			break
		}
	}
	return 0
}

// maxVectors is how many buffers one read or write may name, as on Linux.
const maxVectors = 1024

// wasiWrite takes what a guest writes to standard output and error.
func wasiWrite(in *instance, s []uint64) {
	fd := uint32(s[0])
	if fd != 1 && fd != 2 {
		s[0] = errnoBadf
		return
	}
	written := 0
	errno := in.vectors(s[1], s[2], func(b []byte) bool {
		in.wrote(fd, b)
		written += len(b)
		return true
	})
	if errno == 0 && !in.memory.WriteUint32Le(uint32(s[3]), uint32(written)) {
		errno = errnoFault
	}
	s[0] = errno
}

// wrote takes bytes of standard output or error. A program that speaks through lines has its own use for
// them; what others print is kept for the error of a crash, and logged.
func (in *instance) wrote(fd uint32, b []byte) {
	if c, ok := in.guest.(*stdio); ok && fd == 1 {
		c.wrote(b)
		return
	}
	in.charge(stepsLog)
	in.output.write(b)
	if len(b) > 0 {
		in.plugin.log.guest(slog.LevelDebug, b)
	}
}

// wasiRead gives what a program that speaks through lines is asked, and to others the end of the input.
func wasiRead(in *instance, s []uint64) {
	if uint32(s[0]) != 0 {
		s[0] = errnoBadf
		return
	}
	read := 0
	c, lines := in.guest.(*stdio)
	errno := in.vectors(s[1], s[2], func(b []byte) bool {
		if !lines || len(b) == 0 {
			return lines
		}
		n := c.read(b)
		read += n
		return n == len(b) && c.buffered()
	})
	if errno == 0 && !in.memory.WriteUint32Le(uint32(s[3]), uint32(read)) {
		errno = errnoFault
	}
	s[0] = errno
}

// maxPoll bounds the events a guest waits for. Go's runtime waits for one.
const maxPoll = 64

// wasiPoll reports every event as having happened at once: a guest never sleeps, and reading waits by
// itself.
func wasiPoll(in *instance, s []uint64) {
	n := uint32(s[2])
	if n == 0 || n > maxPoll {
		s[0] = errnoInval
		return
	}
	in.charge(stepsCall * uint64(n))
	asked := in.arg("poll_oneoff", s[0], 48*uint64(n))
	events := in.arg("poll_oneoff", s[1], 32*uint64(n))
	for i := range int(n) {
		var e [32]byte
		copy(e[:8], asked[48*i:]) // what the guest knows it by
		e[10] = asked[48*i+8]     // its kind; the error number before it is 0
		copy(events[32*i:], e[:])
	}
	if !in.memory.WriteUint32Le(uint32(s[3]), n) {
		s[0] = errnoFault
		return
	}
	s[0] = 0
}

// wasiRandom gives numbers that are the same in each instance: languages seed their hash tables with
// them, and a pure plugin may not see chance.
func wasiRandom(in *instance, s []uint64) {
	b := in.arg("random_get", s[0], s[1])
	in.charge(stepsCall + uint64(len(b))/8)
	for len(b) > 0 { // splitmix64
		in.chance += 0x9e3779b97f4a7c15
		z := in.chance
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		var word [8]byte
		binary.LittleEndian.PutUint64(word[:], z^z>>31)
		b = b[copy(b, word[:]):]
	}
	s[0] = 0
}

// wasiExit ends the call. A plugin that exits is of no further use, whatever the code.
func wasiExit(in *instance, s []uint64) {
	panic(faultf(hostapi.ErrTrap, "it exited with code %d", uint32(s[0])))
}
