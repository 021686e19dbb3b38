package blob

import (
	"encoding/hex"
	"path/filepath"
	"strings"
)

const extension = ".kv"

// Path returns where the file of a chunk is: dir/<first two hex digits of the key>/<key in hex>.kv.
func Path(dir string, key Key) string {
	name := hex.EncodeToString(key[:])
	return filepath.Join(dir, name[:2], name+extension)
}

// parseName returns the key of which name is the file's, in the folder given.
func parseName(folder, name string) (key Key, ok bool) {
	digits, ok := strings.CutSuffix(name, extension)
	if !ok || len(digits) != 2*len(key) || digits != strings.ToLower(digits) || digits[:2] != folder {
		return key, false
	}
	_, err := hex.Decode(key[:], []byte(digits))
	return key, err == nil
}
