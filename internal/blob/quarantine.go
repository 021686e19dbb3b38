package blob

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

const (
	quarantineName  = "quarantine"
	mostQuarantined = 16 // files; older ones are removed
)

// Quarantine moves the file of a chunk out of the way, into a folder that keeps the latest 16 for whoever wants
// to know what became of them. A file that cannot be moved is removed; one that is not there is no error.
func Quarantine(dir string, key Key) error {
	folder := filepath.Join(dir, quarantineName)
	path := Path(dir, key)
	err := os.MkdirAll(folder, 0o700)
	if err == nil {
		err = os.Rename(path, filepath.Join(folder, filepath.Base(path)))
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return Remove(dir, key)
	}
	return thin(folder)
}

// thin removes the oldest files past the limit.
func thin(folder string) error {
	entries, err := os.ReadDir(folder)
	if err != nil || len(entries) <= mostQuarantined {
		return err
	}
	var infos []fs.FileInfo
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			infos = append(infos, info)
		}
	}
	slices.SortFunc(infos, func(a, b fs.FileInfo) int { return cmp.Compare(a.ModTime().UnixNano(), b.ModTime().UnixNano()) })
	for _, info := range infos[:max(0, len(infos)-mostQuarantined)] {
		err = errors.Join(err, os.Remove(filepath.Join(folder, info.Name())))
	}
	return err
}
