package fingerprint

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"time"
)

// stamp is what a file system says of a file, short of its content.
type stamp struct {
	Path     string `json:"path"` // resolved
	Size     int64  `json:"size"`
	Modified int64  `json:"modified_ns"` // Unix time
	Inode    uint64 `json:"inode"`       // 0 where there are none

	missing bool
}

// measure returns the stamps of paths. If a file is not there its stamp says so, and the error
// wraps fs.ErrNotExist unless another error came first.
func measure(paths []string) ([]stamp, error) {
	var first error
	stamps := make([]stamp, len(paths))
	for i, path := range paths {
		s, err := measureFile(path)
		stamps[i] = s
		if first == nil || errors.Is(first, fs.ErrNotExist) && err != nil {
			first = err
		}
	}
	return stamps, first
}

func measureFile(path string) (stamp, error) {
	s := stamp{Path: names(path)[0]}
	info, err := os.Stat(path)
	if err != nil {
		s.missing = true
		return s, err
	}
	s.Size, s.Modified, s.Inode = info.Size(), info.ModTime().UnixNano(), inode(info)
	return s, nil
}

// unchanged reports whether the files are those that were hashed.
func (m model) unchanged(now []stamp) bool {
	return len(m.Parts) > 0 && slices.Equal(m.Parts, now)
}

// agrees reports whether the files that are still there are those that were hashed.
func (m model) agrees(now []stamp) bool {
	for i, s := range now {
		if !s.missing && (len(m.Parts) != len(now) || m.Parts[i] != s) {
			return false
		}
	}
	return true
}

// settle is how long a file must have been left alone for its modification time to show a change.
const settle = 2 * time.Second

// settled reports whether all files were modified long enough before began.
func settled(stamps []stamp, began time.Time) bool {
	for _, s := range stamps {
		if s.Modified > began.Add(-settle).UnixNano() {
			return false
		}
	}
	return true
}
