package fingerprint

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// book is the content of a Files' JSON file.
type book struct {
	Version int `json:"version"`
	// Models are by the resolved path of their first file.
	Models map[string]model `json:"models"`
	// Links are other paths by which models were named, to their key in Models.
	Links map[string]string `json:"links,omitempty"`
}

// model is what is remembered of one model.
type model struct {
	SHA256   string  `json:"sha256"`
	Template *string `json:"template,omitempty"`
	// Parts is how the files were found when they were hashed; empty if that proves nothing.
	Parts    []stamp `json:"parts,omitempty"`
	Recorded int64   `json:"recorded"` // Unix time
}

const (
	bookVersion = 1
	// bookSize bounds the file, which every start of a command reads. The oldest models go first.
	bookSize  = 64
	linksSize = 4 * bookSize // and any of the links
)

func newBook() book {
	return book{Version: bookVersion, Models: map[string]model{}, Links: map[string]string{}}
}

func (m model) identity(known Known) Identity {
	id := Identity{SHA256: m.SHA256, HasTemplate: m.Template != nil, Known: known}
	if m.Template != nil {
		id.Template = *m.Template
	}
	return id
}

func (b *book) find(path string) (model, bool) {
	for _, name := range names(path) {
		if m, ok := b.Models[name]; ok {
			return m, true
		}
		if m, ok := b.Models[b.Links[name]]; ok {
			return m, true
		}
	}
	return model{}, false
}

// put keeps m under every name of path and makes room for it.
func (b *book) put(path string, m model) {
	list := names(path)
	b.Models[list[0]] = m
	for len(b.Models) > bookSize {
		delete(b.Models, b.oldest(list[0]))
	}
	for name, key := range b.Links {
		_, known := b.Models[key]
		if !known || name == list[0] || len(b.Links) > linksSize {
			delete(b.Links, name)
		}
	}
	for _, name := range list[1:] {
		if name != list[0] {
			b.Links[name] = list[0]
		}
	}
}

// lists reports whether the model at path is known by every name of it.
func (b *book) lists(path string) bool {
	for _, name := range names(path) {
		_, direct := b.Models[name]
		_, linked := b.Models[b.Links[name]]
		if !direct && !linked {
			return false
		}
	}
	return true
}

// oldest returns the key of the model that was recorded first, other than the one to keep.
func (b *book) oldest(keep string) (oldest string) {
	for key, m := range b.Models {
		if key == keep {
			continue
		}
		if o, ok := b.Models[oldest]; !ok || m.Recorded < o.Recorded || m.Recorded == o.Recorded && key < oldest {
			oldest = key
		}
	}
	return oldest
}

// names returns the absolute paths by which a file may be remembered, the best first: with all
// symbolic links resolved if the file exists, and as it was given. For a file that does not, as it
// was given and with the links of its folder resolved.
func names(path string) []string {
	given, err := filepath.Abs(path)
	if err != nil {
		given = filepath.Clean(path)
	}
	if resolved, err := filepath.EvalSymlinks(given); err == nil {
		return []string{resolved, given}
	}
	if folder, err := filepath.EvalSymlinks(filepath.Dir(given)); err == nil {
		return []string{given, filepath.Join(folder, filepath.Base(given))}
	}
	return []string{given}
}

// read returns the content of the file; of a file that is not there or damaged, nothing.
func (f *Files) read() (book, error) {
	if f.path == "" {
		return newBook(), nil
	}
	content, err := os.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return newBook(), nil
	}
	if err != nil {
		return newBook(), fmt.Errorf("remembered hashes: %w", err)
	}
	b, err := parseBook(content)
	if err != nil {
		f.options.Logger.Warn("remembered hashes of model files are lost", "file", f.path, "error", err)
		return newBook(), nil
	}
	return b, nil
}

func parseBook(content []byte) (book, error) {
	var b book
	if err := json.Unmarshal(content, &b); err != nil {
		return book{}, malformed("%v", err)
	}
	if b.Version != bookVersion || b.Models == nil {
		return book{}, malformed("version is %d, not %d", b.Version, bookVersion)
	}
	if b.Links == nil {
		b.Links = map[string]string{}
	}
	for path, m := range b.Models {
		if !isHex(m.SHA256, len(ID{})) {
			return book{}, malformed("model %q has no SHA-256", clip(path))
		}
	}
	return b, nil
}

// update changes what is remembered, beginning with what other processes have written since. If
// the file cannot be written, it goes on in memory and returns why.
func (f *Files) update(change func(*book)) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.mu.detached {
		if b, err := f.read(); err == nil && f.path != "" {
			f.mu.book = b
		}
	}
	change(&f.mu.book)
	if f.path == "" {
		return nil
	}
	err := f.writeLocked()
	f.mu.detached = err != nil
	return err
}

func (f *Files) writeLocked() error {
	content, err := json.MarshalIndent(f.mu.book, "", " ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(f.path), 0o700); err != nil {
		return err
	}
	return replaceFile(f.path, append(content, '\n'))
}
