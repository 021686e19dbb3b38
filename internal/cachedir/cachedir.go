// Package cachedir says where kvasir keeps what it can make again: the shipped model unpacked, test
// models, builds of llama.cpp.
package cachedir

import (
	"fmt"
	"os"
	"path/filepath"
)

// Env names the environment variable that moves the cache folder.
const Env = "KVASIR_CACHE_DIR"

// Path returns the path of elem inside the cache folder: $KVASIR_CACHE_DIR, or kvasir in the user's
// own cache folder. It creates nothing.
func Path(elem ...string) (string, error) {
	dir := os.Getenv(Env)
	if dir == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("no cache folder: %w; set %s to one", err, Env)
		}
		dir = filepath.Join(user, "kvasir")
	}
	return filepath.Join(append([]string{dir}, elem...)...), nil
}
