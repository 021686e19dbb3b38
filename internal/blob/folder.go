package blob

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// File is a chunk file under a temporary name, and the key it is to be found by.
type File struct {
	Temp string
	Key  Key
}

// Commit gives files their names, in place of files that had them, and syncs the folders. It returns how many
// of them, from the first on, are safe; the error says what became of the next one. The files after it, and
// files that are not under temporary names in dir, stay where they are.
func Commit(dir string, files []File) (committed int, err error) {
	touched := map[string]bool{}
	for _, f := range files {
		if err = commit(dir, f, touched); err != nil {
			err = fmt.Errorf("chunk %x: %w", f.Key[:4], err)
			break
		}
		committed++
	}
	for folder := range touched {
		if failed := syncFolder(folder); failed != nil {
			return 0, errors.Join(err, failed)
		}
	}
	return committed, err
}

func commit(dir string, f File, touched map[string]bool) error {
	if filepath.Dir(f.Temp) != filepath.Clean(dir) || !IsTemp(filepath.Base(f.Temp)) {
		return fmt.Errorf("%q is no temporary file of %q", f.Temp, dir)
	}
	path := Path(dir, f.Key)
	folder := filepath.Dir(path)
	switch err := os.Mkdir(folder, 0o700); {
	case err == nil:
		touched[dir] = true // which holds a new name
	case !errors.Is(err, fs.ErrExist):
		return err
	}
	touched[folder] = true
	return os.Rename(f.Temp, path)
}

func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// Discard removes files that are under temporary names in dir, and no others.
func Discard(dir string, temps []string) {
	for _, temp := range temps {
		if filepath.Dir(temp) == filepath.Clean(dir) && IsTemp(filepath.Base(temp)) {
			_ = os.Remove(temp) // what stays is swept at the next start
		}
	}
}

// Remove removes the file of a chunk. One that is not there is no error.
func Remove(dir string, key Key) error {
	if err := os.Remove(Path(dir, key)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Temps returns the paths of the temporary files in dir. A folder that is not there holds none.
func Temps(dir string) (paths []string, err error) {
	entries, err := readFolder(dir)
	for _, e := range entries {
		if IsTemp(e.Name()) {
			paths = append(paths, filepath.Join(dir, e.Name()))
		}
	}
	return paths, err
}

// List returns the keys of the chunk files in dir. Files of other names are nobody's business.
func List(dir string) (map[Key]bool, error) {
	files := map[Key]bool{}
	entries, err := readFolder(dir)
	for _, e := range entries {
		if e.IsDir() && isFolder(e.Name()) {
			err = errors.Join(err, listFolder(dir, e.Name(), files))
		}
	}
	return files, err
}

func readFolder(dir string) ([]os.DirEntry, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return entries, err
}

// isFolder reports whether name is that of a folder that Path names.
func isFolder(name string) bool {
	return len(name) == 2 && strings.Trim(name, "0123456789abcdef") == ""
}

func listFolder(dir, folder string, files map[Key]bool) error {
	entries, err := os.ReadDir(filepath.Join(dir, folder))
	for _, e := range entries {
		if key, ok := parseName(folder, e.Name()); ok && e.Type().IsRegular() {
			files[key] = true
		}
	}
	return err
}

// Purge removes everything in dir but the chunk files: what is on its way, and what was put aside.
func Purge(dir string) error {
	temps, err := Temps(dir)
	if err != nil {
		return err
	}
	Discard(dir, temps)
	return os.RemoveAll(filepath.Join(dir, quarantineName))
}

// IsSealed reports whether the file at path says that it is sealed.
func IsSealed(path string) bool {
	file, err := os.Open(path)
	if err != nil {
		return false
	}
	defer file.Close()
	var head [atOrigin]byte
	_, err = io.ReadFull(file, head[:])
	return err == nil && string(head[:len(magic)]) == magic && binary.LittleEndian.Uint32(head[atVersion:]) == versionSealed
}
