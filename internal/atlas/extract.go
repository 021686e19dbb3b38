package atlas

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// written is the modification time of every extracted file. Whoever writes to the file later moves
// it, so a file that still has it need not be read again at every start.
var written = time.Unix(1_000_000_000, 0)

// Extract makes sure that dir holds the model as atlas-1m-<hash>.gguf and returns that path. It
// makes dir where needed. A file that is there already is used if nobody changed it since it was
// extracted or its content is right, and replaced if not. Any number of processes may call it at once: each
// sees the whole file or none, and the file the first one put there stays.
func Extract(dir string) (string, error) {
	path := filepath.Join(dir, Name+"-"+SHA256[:12]+".gguf")
	if intact(path) {
		return path, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("model %s: %w", Name, err)
	}
	if err := put(path); err != nil && !intact(path) { // another process may have been first
		return "", fmt.Errorf("model %s: %w", Name, err)
	}
	return path, nil
}

// intact says whether the file at path holds the model: by its time, or else byte for byte.
func intact(path string) bool {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() != int64(len(model)) {
		return false
	}
	if info.ModTime().Equal(written) {
		return true
	}
	content, err := os.ReadFile(path)
	if err != nil || string(content) != model {
		return false
	}
	os.Chtimes(path, written, written) // where that fails the file is read again next time
	return true
}

// put writes the model beside path and gives it that name in one step. An intact file that came there
// meanwhile stays: another process may be hashing it.
func put(path string) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+Name+"-*.tmp")
	if err != nil {
		return err
	}
	_, err = tmp.WriteString(model)
	if closed := tmp.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Chmod(tmp.Name(), 0o644) // CreateTemp makes it 0600; the model is no secret
	}
	if err == nil {
		err = os.Chtimes(tmp.Name(), written, written)
	}
	defer os.Remove(tmp.Name()) // fails where it was renamed
	if err != nil || os.Link(tmp.Name(), path) == nil || intact(path) {
		return err
	}
	return os.Rename(tmp.Name(), path) // a damaged file is there, or links are not to be had
}
