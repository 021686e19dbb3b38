package setup

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// checkFolder refuses a path where no store can be: a file, and a folder in which somebody keeps something else, so
// that no store's files are scattered among his. What is wrong with the path in other ways the store says.
func checkFolder(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return nil
	}
	if !info.IsDir() {
		return &base.Error{Sentinel: base.ErrInvalid, Message: fmt.Sprintf("%q is a file, and a store is a folder", dir),
			Hint: "--cache-file names the folder of a store, which is made, or a file that ends in .jsonl"}
	}
	foreign := foreignIn(dir)
	if foreign == "" {
		return nil
	}
	return &base.Error{Sentinel: base.ErrInvalid, Message: fmt.Sprintf("folder %q is no store: it holds %q", dir, foreign),
		Hint: fmt.Sprintf("--cache-file %s is a folder of its own", filepath.Join(dir, "llama_cache.db"))}
}

// foreignIn names something in a folder that is none of a store, where nothing there says that it is one.
func foreignIn(dir string) (foreign string) {
	folder, err := os.Open(dir)
	if err != nil {
		return ""
	}
	defer folder.Close()
	for {
		names, err := folder.Readdirnames(64)
		for _, name := range names {
			switch {
			case marksStore(name):
				return ""
			case !besideStore(name):
				foreign = name
			}
		}
		if err != nil {
			if !errors.Is(err, io.EOF) {
				return ""
			}
			return foreign
		}
	}
}

// marksStore reports whether only stores have a file of this name.
func marksStore(name string) bool {
	return strings.HasPrefix(name, "MANIFEST-") || strings.HasPrefix(name, "marker.manifest.") ||
		name == "salts" || name == "keyring" || numbered(name, ".sst")
}

// besideStore reports whether a folder in which a store was only begun, or is to be, may have a file of this name.
func besideStore(name string) bool {
	return name == "LOCK" || name == "kv" || name == "lost+found" || numbered(name, ".log") ||
		strings.HasPrefix(name, "OPTIONS-") || strings.HasPrefix(name, "marker.") || strings.HasPrefix(name, "control.sock")
}

// numbered reports whether a name is six digits or more and an extension.
func numbered(name, extension string) bool {
	number, ok := strings.CutSuffix(name, extension)
	return ok && len(number) >= 6 && strings.Trim(number, "0123456789") == ""
}

// isNew reports whether there is no store in a folder yet.
func isNew(dir string) bool {
	entries, err := os.ReadDir(dir)
	return errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0
}
