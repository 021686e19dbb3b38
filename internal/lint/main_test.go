package lint

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

const root = "../.."

// go test repeats a stored result until something changes that the test itself read. Here commands
// do the reading, so every folder is listed once, and a changed file means a new run.
func TestMain(m *testing.M) {
	if err := filepath.WalkDir(root, visit); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func visit(path string, entry fs.DirEntry, err error) error {
	switch {
	case err != nil:
		return err
	case entry.Name() == ".git" || path == filepath.Join(root, "bin"):
		return fs.SkipDir
	}
	return nil
}
