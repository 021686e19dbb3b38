package fingerprint

import (
	"errors"
	"os"
	"path/filepath"
)

// tempMark is between a file's name and the random end of the name it is written under.
const tempMark = ".new-"

// replaceFile writes a file of mode 0600 that either holds all of content or is as it was before,
// whatever fails and when. It returns after both file and folder are synced.
func replaceFile(path string, content []byte) error {
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+tempMark)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err == nil {
		err = file.Sync()
	}
	err = errors.Join(err, file.Close())
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		os.Remove(file.Name())
		return err
	}
	return syncFolder(filepath.Dir(path))
}

func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// removeLeftovers removes what a crash in replaceFile left. Nobody else may be in it.
func removeLeftovers(path string) {
	entries, _ := os.ReadDir(filepath.Dir(path)) // an unreadable folder fails whatever comes next
	for _, e := range entries {
		prefix := filepath.Base(path) + tempMark
		if name := e.Name(); len(name) > len(prefix) && name[:len(prefix)] == prefix {
			os.Remove(filepath.Join(filepath.Dir(path), name))
		}
	}
}
