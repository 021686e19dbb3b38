package fingerprint

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// HashFunc hashes the content of files, one after another, and returns the SHA-256 in hex and the
// number of bytes. gguf.Hash is one.
type HashFunc func(ctx context.Context, paths []string, progress func(done, total int64)) (sum string, bytes int64, err error)

// Known says how Files came to know an identity.
type Known int

const (
	// Fresh: the content was hashed for this call.
	Fresh Known = iota + 1
	// Remembered: path, size, modification time and inode are what they were when it was hashed.
	Remembered
	// Gone: a file is not there, and this is the last identity known of its path.
	Gone
)

// String returns the name of k in lower case.
func (k Known) String() string {
	names := map[Known]string{Fresh: "fresh", Remembered: "remembered", Gone: "gone"}
	if name, ok := names[k]; ok {
		return name
	}
	return fmt.Sprintf("known(%d)", int(k))
}

// Identity is what is known of a model's or adapter's content.
type Identity struct {
	SHA256 string // hex
	// Template is the model's own chat template as given to Files.Remember with this content.
	Template    string
	HasTemplate bool // false if Files was never told; an empty template is a template
	Known       Known
}

// FilesOptions configures Files.
type FilesOptions struct {
	// Hash reads content. Required.
	Hash HashFunc
	// Logger is warned of a damaged file and of one that cannot be written. Nil discards that.
	Logger *slog.Logger
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Files remembers the hashes of files in a small JSON file, so that they are read again only when
// they change. Its methods may be called from many goroutines at once, and several processes may
// use one file: a hash that two of them write in the same moment may be forgotten and made again.
type Files struct {
	path    string // empty for memory only
	options FilesOptions

	mu struct {
		sync.Mutex
		book     book
		detached bool // the file could not be written; memory has what it has not
	}
}

// OpenFiles reads the JSON file at path; the first hash creates it, with its folder. An empty path
// remembers in memory only. A file that is damaged or of another version is reported to the logger
// and forgotten: all it costs is to hash again. OpenFiles fails only if the file cannot be read.
func OpenFiles(path string, o FilesOptions) (*Files, error) {
	if o.Hash == nil {
		return nil, errors.New("files: no hash function")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	f := &Files{path: path, options: o}
	var err error
	f.mu.book, err = f.read()
	return f, err
}

// Hash returns the identity of a model that consists of paths in order: all parts of a split model,
// or one file. It calls progress only while it hashes; progress may be nil.
//
// A file that was modified less than two seconds before it was hashed is hashed again by the next
// call: file systems keep time coarsely, so a later change might not show. Content that changes
// while it is hashed is an error. Other errors are those of the hash function and ctx.
func (f *Files) Hash(ctx context.Context, paths []string, progress func(done, total int64)) (Identity, error) {
	if len(paths) == 0 {
		return Identity{}, &base.Error{Sentinel: base.ErrModel, Message: "no model file is named"}
	}
	last, known := f.find(paths[0])
	now, err := measure(paths)
	switch {
	case known && errors.Is(err, fs.ErrNotExist) && last.agrees(now):
		return last.identity(Gone), nil
	case known && err == nil && last.unchanged(now):
		return f.remembered(paths[0], last), nil
	}
	return f.fresh(ctx, paths, now, progress)
}

// remembered returns the identity of a model whose files are unchanged, and sees to it that it will
// be found by this path when they are gone.
func (f *Files) remembered(path string, m model) Identity {
	f.mu.Lock()
	listed := f.mu.book.lists(path)
	f.mu.Unlock()
	id := m.identity(Remembered)
	if !listed {
		f.warn(path, f.update(func(b *book) {
			if newer, ok := b.find(path); ok {
				m = newer
			}
			b.put(path, m)
		}))
	}
	return id
}

func (f *Files) warn(path string, err error) {
	if err != nil {
		f.options.Logger.Warn("the hash of a model file is not remembered", "file", path, "error", err)
	}
}

// fresh hashes paths, which were measured before.
func (f *Files) fresh(ctx context.Context, paths []string, before []stamp, progress func(done, total int64)) (Identity, error) {
	began := f.options.Now()
	sum, _, err := f.options.Hash(ctx, paths, progress)
	if err != nil {
		return Identity{}, err
	}
	after, err := measure(paths)
	if err != nil || !slices.Equal(before, after) {
		return Identity{}, &base.Error{Sentinel: base.ErrModel, Message: fmt.Sprintf("%q changed while it was hashed", paths[0]),
			Hint: "wait until the file is complete, and run it again"}
	}
	entry := model{SHA256: sum, Recorded: began.Unix()}
	if settled(after, began) {
		entry.Parts = after
	}
	var id Identity
	err = f.update(func(b *book) {
		if last, ok := b.find(paths[0]); ok && last.SHA256 == sum {
			entry.Template = last.Template
		}
		b.put(paths[0], entry)
		id = entry.identity(Fresh)
	})
	f.warn(paths[0], err)
	return id, nil
}

// Remember says that the content of paths, whose hash is sum, carries this chat template: the
// model's own, not one that a user put in its place. If another hash is remembered for paths, or
// none, sum becomes the last identity of the path, but present files are still hashed by the next
// Hash: Remember cannot know that they are what the caller hashed.
func (f *Files) Remember(paths []string, sum, template string) error {
	if len(paths) == 0 || !isHex(sum, len(ID{})) {
		return fmt.Errorf("files: no path, or %q is not a SHA-256 in hex", clip(sum))
	}
	last, ok := f.find(paths[0])
	if ok && last.SHA256 == sum && last.Template != nil && *last.Template == template {
		return nil
	}
	return f.update(func(b *book) {
		entry, ok := b.find(paths[0])
		if !ok || entry.SHA256 != sum {
			entry = model{SHA256: sum}
		}
		entry.Template, entry.Recorded = &template, f.options.Now().Unix()
		b.put(paths[0], entry)
	})
}

// Last returns the last identity known of a model by the path of its first file, as Gone, without
// a look at the disk. It is for callers who cannot name all parts of a split model since they are
// gone.
func (f *Files) Last(path string) (Identity, bool) {
	last, ok := f.find(path)
	if !ok {
		return Identity{}, false
	}
	return last.identity(Gone), true
}

func (f *Files) find(path string) (model, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.mu.book.find(path)
}
