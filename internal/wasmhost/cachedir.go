package wasmhost

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// ownDir makes dir, or checks that nobody else can write into it or the folders that the engine keeps
// there: whoever can decides what code this process runs. It repairs nothing, since what others may have
// written before could not be told apart.
func ownDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	root, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return err
	}
	return filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil // another process wrote a file and renamed it
		}
		if err != nil {
			return err
		}
		return private(path, info)
	})
}

func private(path string, info fs.FileInfo) error {
	switch {
	case !info.IsDir() && !info.Mode().IsRegular():
		return fmt.Errorf("%s is neither a folder nor a file; remove it or name another folder", path)
	case !ownedByUs(info):
		return fmt.Errorf("%s belongs to another user; name a folder of your own", path)
	case info.Mode().Perm()&0o022 != 0:
		return fmt.Errorf("others can write into %s (mode %#o), and it holds machine code; empty the folder and make it 0700",
			path, info.Mode().Perm())
	}
	return nil
}
