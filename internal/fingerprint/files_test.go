package fingerprint

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// world is a folder of model files, all last modified at its epoch, and the hashes remembered of
// them.
type world struct {
	*testing.T
	dir   string
	now   time.Time
	calls int    // of the hash function
	meant func() // called within the hash function
	log   bytes.Buffer
}

var epoch = time.Unix(1_700_000_000, 0)

func newWorld(t *testing.T) *world {
	return &world{T: t, dir: t.TempDir(), now: epoch.Add(time.Hour)}
}

func (w *world) path(name string) string { return filepath.Join(w.dir, name) }

// write makes files whose modification time is age before now.
func (w *world) write(content string, age time.Duration, names ...string) []string {
	w.Helper()
	var paths []string
	for _, name := range names {
		path := w.path(name)
		must(w.T, os.WriteFile(path, []byte(content+name), 0o600))
		must(w.T, os.Chtimes(path, w.now.Add(-age), w.now.Add(-age)))
		paths = append(paths, path)
	}
	return paths
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) hash(_ context.Context, paths []string, progress func(done, total int64)) (string, int64, error) {
	w.calls++
	h, size := sha256.New(), int64(0)
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			return "", 0, &base.Error{Sentinel: base.ErrModel, Message: err.Error()}
		}
		h.Write(content)
		size += int64(len(content))
	}
	if w.meant != nil {
		w.meant()
	}
	if progress != nil {
		progress(size, size)
	}
	return hex.EncodeToString(h.Sum(nil)), size, nil
}

// open is what a new process would have.
func (w *world) open() *Files {
	w.Helper()
	f, err := OpenFiles(w.path("cache/hashes.json"), FilesOptions{
		Hash: w.hash, Now: func() time.Time { return w.now },
		Logger: slog.New(slog.NewTextHandler(&w.log, nil)),
	})
	must(w.T, err)
	return f
}

// want hashes paths with a new Files and expects how the result is known, and whether it was hashed.
func (w *world) want(known Known, paths ...string) Identity {
	w.Helper()
	before := w.calls
	id, err := w.open().Hash(w.Context(), paths, nil)
	must(w.T, err)
	if hashed := w.calls > before; id.Known != known || hashed != (known == Fresh) {
		w.Errorf("%s is %v, hashed now: %t; want %v", filepath.Base(paths[0]), id.Known, hashed, known)
	}
	return id
}

func (w *world) wantNone(paths ...string) {
	w.Helper()
	if id, err := w.open().Hash(w.Context(), paths, nil); err == nil || id.SHA256 != "" {
		w.Errorf("%q has identity %+v, want an error", paths, id)
	}
}

func TestFiles_UnchangedFilesAreNotReadAgain(t *testing.T) {
	w := newWorld(t)
	paths := w.write("m", time.Hour, "m.gguf")
	first := w.want(Fresh, paths...)
	if again := w.want(Remembered, paths...); again.SHA256 != first.SHA256 || len(first.SHA256) != 64 {
		t.Errorf("remembered %q, hashed %q", again.SHA256, first.SHA256)
	}
	info, err := os.Stat(w.path("cache/hashes.json"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, error %v; want 0600", info.Mode(), err)
	}
}

func TestFiles_AnyChangeIsHashedAgain(t *testing.T) {
	for name, change := range map[string]func(w *world, path string){
		"content and size": func(w *world, path string) {
			w.write("more", time.Hour, "m.gguf")
		},
		"time": func(w *world, path string) {
			must(w.T, os.Chtimes(path, w.now, w.now.Add(-time.Minute)))
		},
		"another file of that size and time": func(w *world, path string) {
			w.write("n", time.Hour, "m.gguf.part")
			must(w.T, os.Truncate(path+".part", 7))
			must(w.T, os.Chtimes(path+".part", w.now, w.now.Add(-time.Hour)))
			must(w.T, os.Rename(path+".part", path))
		},
	} {
		w := newWorld(t)
		path := w.write("m", time.Hour, "m.gguf")[0]
		first := w.want(Fresh, path)
		change(w, path)
		if again := w.want(Fresh, path); (again.SHA256 == first.SHA256) != (name == "time") {
			t.Errorf("%s: hashes %q and %q", name, first.SHA256, again.SHA256)
		}
	}
}

func TestFiles_AFileJustWrittenIsNotTrusted(t *testing.T) {
	w := newWorld(t)
	path := w.write("m", time.Second, "m.gguf")[0]
	w.want(Fresh, path)
	w.now = w.now.Add(3 * time.Second)
	w.want(Fresh, path)
	w.want(Remembered, path)
	must(t, os.Chtimes(path, w.now, w.now.Add(time.Hour)))
	w.want(Fresh, path)
	w.want(Fresh, path) // from the future
}

func TestFiles_GoneFilesKeepTheirLastIdentity(t *testing.T) {
	for _, age := range []time.Duration{time.Hour, 0} { // trusted or not
		w := newWorld(t)
		path := w.write("m", age, "m.gguf")[0]
		first := w.want(Fresh, path)
		must(t, os.Rename(path, path+".away"))
		if gone := w.want(Gone, path); gone.SHA256 != first.SHA256 {
			t.Errorf("age %v: gone %q, was %q", age, gone.SHA256, first.SHA256)
		}
		if last, ok := w.open().Last(path); !ok || last.SHA256 != first.SHA256 || last.Known != Gone {
			t.Errorf("age %v: last identity %+v, %t", age, last, ok)
		}
	}
}

func TestFiles_UnknownFilesThatAreNotThereAreErrors(t *testing.T) {
	w := newWorld(t)
	_, err := w.open().Hash(t.Context(), []string{w.path("m.gguf")}, nil)
	if !errors.Is(err, base.ErrModel) {
		t.Errorf("error %v, want that of the hash function", err)
	}
	if id, ok := w.open().Last(w.path("m.gguf")); ok {
		t.Errorf("a file never seen has identity %+v", id)
	}
	if _, err := w.open().Hash(t.Context(), nil, nil); !errors.Is(err, base.ErrModel) {
		t.Errorf("no files: error %v, want base.ErrModel", err)
	}
}

func TestFiles_SplitModels(t *testing.T) {
	w := newWorld(t)
	parts := w.write("m", time.Hour, "m-1.gguf", "m-2.gguf", "m-3.gguf")
	first := w.want(Fresh, parts...)
	w.want(Remembered, parts...)

	must(t, os.Rename(parts[1], w.path("away")))
	if gone := w.want(Gone, parts...); gone.SHA256 != first.SHA256 {
		t.Errorf("gone %q, was %q", gone.SHA256, first.SHA256)
	}
	w.write("other", time.Hour, "m-3.gguf") // so it is another model, and not whole
	w.wantNone(parts...)

	w.write("m", time.Hour, "m-3.gguf")
	must(t, os.Rename(w.path("away"), parts[1]))
	w.want(Remembered, parts...)
	for _, path := range parts {
		must(t, os.Remove(path))
	}
	if gone := w.want(Gone, parts[0]); gone.SHA256 != first.SHA256 { // all that is left to name
		t.Errorf("gone %q, was %q", gone.SHA256, first.SHA256)
	}
}

func TestFiles_FewerPartsAreAnotherModel(t *testing.T) {
	w := newWorld(t)
	parts := w.write("m", time.Hour, "m-1.gguf", "m-2.gguf")
	whole := w.want(Fresh, parts...)
	if first := w.want(Fresh, parts[0]); first.SHA256 == whole.SHA256 {
		t.Error("one part has the identity of both")
	}
}

func TestFiles_LinksAndRelativePathsAreTheFile(t *testing.T) {
	w := newWorld(t)
	must(t, os.Mkdir(w.path("real"), 0o700))
	path := w.write("m", time.Hour, "real/blob")[0]
	must(t, os.Symlink("real", w.path("folder")))
	must(t, os.Symlink(path, w.path("m.gguf")))
	w.want(Fresh, w.path("m.gguf"))
	w.want(Remembered, path)
	w.want(Remembered, w.path("folder/blob"))
	t.Chdir(w.dir)
	w.want(Remembered, "m.gguf")
	w.want(Remembered, "./real/../real/blob")

	must(t, os.Remove(path)) // m.gguf is a link to nothing now
	for _, name := range []string{path, w.path("m.gguf"), w.path("folder/blob"), "m.gguf", "real/blob"} {
		w.want(Gone, name)
	}
	blob := w.write("m", time.Hour, "blob")[0]
	must(t, os.Symlink(blob, w.path("real/link")))
	w.want(Fresh, w.path("folder/link"))
	must(t, os.Remove(blob))
	w.want(Gone, w.path("folder/link"))

	w.write("other", time.Hour, "real/other")
	must(t, os.Remove(w.path("m.gguf")))
	must(t, os.Symlink("real/other", w.path("m.gguf")))
	w.want(Fresh, "m.gguf")
}

func TestFiles_TemplateBelongsToTheContent(t *testing.T) {
	w := newWorld(t)
	path := w.write("m", time.Hour, "m.gguf")[0]
	id := w.want(Fresh, path)
	if id.HasTemplate {
		t.Error("a template is known that nobody told")
	}
	for _, template := range []string{"", "chatml"} {
		must(t, w.open().Remember([]string{path}, id.SHA256, template))
		if got := w.want(Remembered, path); !got.HasTemplate || got.Template != template {
			t.Errorf("template %q, known %t; want %q", got.Template, got.HasTemplate, template)
		}
	}
	must(t, os.Chtimes(path, w.now, epoch.Add(-time.Hour)))
	if got := w.want(Fresh, path); got.Template != "chatml" {
		t.Errorf("the same content has lost its template: %+v", got)
	}
	must(t, os.Remove(path))
	if got := w.want(Gone, path); got.Template != "chatml" {
		t.Errorf("a model that is gone has lost its template: %+v", got)
	}
	w.write("other", time.Hour, "m.gguf")
	if got := w.want(Fresh, path); got.HasTemplate {
		t.Errorf("other content has the template: %+v", got)
	}
}

// The caller may have hashed the file before it was changed.
func TestFiles_ToldHashesAreNotTakenForPresentFiles(t *testing.T) {
	w := newWorld(t)
	path := w.write("m", time.Hour, "m.gguf")[0]
	must(t, w.open().Remember([]string{path}, hexOf('a'), "chatml"))
	if last, _ := w.open().Last(path); last.SHA256 != hexOf('a') || last.Template != "chatml" {
		t.Errorf("last identity %+v", last)
	}
	if got := w.want(Fresh, path); got.SHA256 == hexOf('a') || got.HasTemplate {
		t.Errorf("the file has identity %+v", got)
	}
	if err := w.open().Remember([]string{path}, "a", ""); err == nil {
		t.Error("a hash that is none was remembered")
	}
}

func TestFiles_ChangeWhileHashingIsAnError(t *testing.T) {
	w := newWorld(t)
	path := w.write("m", time.Hour, "m.gguf")[0]
	w.meant = func() { must(t, os.Chtimes(path, w.now, epoch.Add(-time.Hour))) }
	if _, err := w.open().Hash(t.Context(), []string{path}, nil); !errors.Is(err, base.ErrModel) || base.Hint(err) == "" {
		t.Errorf("error %v, want base.ErrModel with a hint", err)
	}
	w.meant = nil
	w.want(Fresh, path)
}

func TestFiles_ErrorsAndProgressComeFromTheHash(t *testing.T) {
	failed := errors.New("failed")
	f, err := OpenFiles("", FilesOptions{Hash: func(_ context.Context, _ []string, progress func(done, total int64)) (string, int64, error) {
		progress(1, 2)
		return "", 0, failed
	}})
	must(t, err)
	var seen string
	_, err = f.Hash(t.Context(), []string{"m.gguf"}, func(done, total int64) { seen = fmt.Sprint(done, total) })
	if !errors.Is(err, failed) || seen != "1 2" {
		t.Errorf("error %v, progress %q", err, seen)
	}
	if _, err := OpenFiles("", FilesOptions{}); err == nil {
		t.Error("no hash function is no error")
	}
}

func TestFiles_DamagedFileIsForgottenAndReported(t *testing.T) {
	for _, content := range []string{
		"", "{", `{"version":1}x`, `{"version":2,"models":{}}`, `{"models":{}}`, "null",
		`{"version":1,"models":{"/m":{"sha256":"x"}}}`,
	} {
		w := newWorld(t)
		path := w.write("m", time.Hour, "m.gguf")[0]
		must(t, os.Mkdir(w.path("cache"), 0o700))
		must(t, os.WriteFile(w.path("cache/hashes.json"), []byte(content), 0o600))
		w.want(Fresh, path)
		if !strings.Contains(w.log.String(), "hashes.json") {
			t.Errorf("%q: the log says %q", content, w.log.String())
		}
		w.want(Remembered, path)
	}
}

func TestFiles_WhatCannotBeWrittenIsRememberedInMemory(t *testing.T) {
	w := newWorld(t)
	path := w.write("m", time.Hour, "m.gguf")[0]
	f := w.open()
	must(t, os.WriteFile(w.path("cache"), nil, 0o600)) // in the place of the folder
	for _, want := range []Known{Fresh, Remembered} {
		id, err := f.Hash(t.Context(), []string{path}, nil)
		if err != nil || id.Known != want {
			t.Errorf("%v, %v; want %v", id.Known, err, want)
		}
	}
	if !strings.Contains(w.log.String(), "m.gguf") {
		t.Errorf("the log says %q", w.log.String())
	}
	if err := f.Remember([]string{path}, hexOf('a'), "t"); err == nil {
		t.Error("Remember does not say that it failed")
	}
	must(t, os.Remove(w.path("cache")))
	other := w.write("n", time.Hour, "n.gguf")[0]
	if _, err := f.Hash(t.Context(), []string{other}, nil); err != nil {
		t.Error(err)
	}
	w.want(Remembered, other)
	if last, ok := w.open().Last(path); !ok || last.SHA256 != hexOf('a') {
		t.Errorf("what was remembered in memory was not written later: %+v", last)
	}
}

func TestOpenFiles_UnreadableFileIsAnError(t *testing.T) {
	dir := t.TempDir()
	if _, err := OpenFiles(dir, FilesOptions{Hash: (&world{}).hash}); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v for a folder in the place of the file", err)
	}
}

func TestFiles_TwoProcessesKeepEachOthersHashes(t *testing.T) {
	w := newWorld(t)
	paths := w.write("m", time.Hour, "a.gguf", "b.gguf")
	a, b := w.open(), w.open()
	for i, f := range []*Files{a, b} {
		if _, err := f.Hash(t.Context(), paths[i:i+1], nil); err != nil {
			t.Fatal(err)
		}
	}
	w.want(Remembered, paths[0])
	w.want(Remembered, paths[1])
}

func TestFiles_KeepsABoundedNumber(t *testing.T) {
	w := newWorld(t)
	f, err := OpenFiles("", FilesOptions{Hash: w.hash, Now: func() time.Time { return w.now }})
	must(t, err)
	hash := func(name string) {
		_, err := f.Hash(t.Context(), w.write("m", time.Hour, name), nil)
		must(t, err)
	}
	for i := range bookSize + 2 {
		w.now = w.now.Add(time.Second)
		hash(fmt.Sprint(i))
	}
	for i, want := range map[int]bool{0: false, 1: false, 2: true, bookSize + 1: true} {
		if _, ok := f.Last(w.path(fmt.Sprint(i))); ok != want {
			t.Errorf("model %d is remembered: %t, want %t", i, ok, want)
		}
	}
	target := w.write("m", time.Hour, "target")[0]
	for i := range linksSize + 10 {
		link := w.path(fmt.Sprint("link", i))
		must(t, os.Symlink(target, link))
		_, err := f.Hash(t.Context(), []string{link}, nil)
		must(t, err)
	}
	if n := len(f.mu.book.Links); n > linksSize+1 {
		t.Errorf("%d links are kept", n)
	}
}

func TestKnown_String(t *testing.T) {
	if got := fmt.Sprint(Fresh, Remembered, Gone, Known(9)); got != "fresh remembered gone known(9)" {
		t.Error(got)
	}
}

// FuzzBook checks that no file makes the reader panic, and that what it accepts can be used.
func FuzzBook(f *testing.F) {
	f.Add([]byte(`{"version":1,"models":{"/m":{"sha256":"` + hexOf('a') + `","parts":[{"path":"/m","size":1}]}},"links":{"/l":"/m"}}`))
	f.Add([]byte(`{"version":1,"models":{}}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		b, err := parseBook(content)
		if err != nil {
			return
		}
		b.put("/new", model{SHA256: hexOf('b')})
		if m, ok := b.find("/new"); !ok || m.SHA256 != hexOf('b') || len(b.Models) > bookSize {
			t.Fatalf("%+v, %t in a book of %d", m, ok, len(b.Models))
		}
	})
}
