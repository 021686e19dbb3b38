package setup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/kvasir-cache/kvasir/engine"
	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/config"
	"github.com/kvasir-cache/kvasir/internal/control"
	"github.com/kvasir-cache/kvasir/internal/snapshot"
)

// SnapshotAge is how old the file of the cache has to be for kvasir run to write it anew.
const SnapshotAge = time.Minute

// ErrForeign marks a file of the cache that somebody else has written since the store knew it.
var ErrForeign = errors.New("the file is not the one that the store knows")

// SnapshotPath returns where the entries are written to, and nothing where --cache-file names a folder. A store that is
// sealed has no such file, which would hold everything in the open.
func SnapshotPath(c *config.Config) string {
	if !c.Cache.Persist || c.Cache.KeyFile != "" || c.Cache.KeyEnv != "" {
		return ""
	}
	_, path := c.Cache.Store()
	return path
}

// WriteSnapshot writes the entries of a store to the file of the cache, and notes in the store what it wrote. It
// refuses to write over a file that somebody else changed, unless it is forced.
func WriteSnapshot(ctx context.Context, store control.Transfer, path string, force bool, progress func(entries int)) (*Exported, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	about, err := store.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	if err := checkForeign(about, path); err != nil && !force {
		return nil, err
	}
	var out *Exported
	about.Sum, err = snapshot.WriteFileWhen(behindLinks(path), func(w io.Writer) (err error) {
		out, err = Export(ctx, store, w, engine.ExportFilter{}, progress)
		return err
	}, func(sum snapshot.Sum) error { // or a kill after the renaming would make it a stranger's file
		return store.Snapshotted(ctx, &engine.Snapshot{Coming: &engine.Snapshot{Path: path, Sum: sum}})
	})
	if err != nil {
		return nil, fmt.Errorf("snapshot %q: %w", path, err)
	}
	about.Path, about.Coming = path, nil
	return out, store.Snapshotted(ctx, about)
}

// behindLinks is the file that a path leads to, so that a symbolic link stays one. It may be to nothing yet.
func behindLinks(path string) string {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		return target
	}
	link, err := os.Readlink(path)
	switch {
	case err != nil:
		return path
	case filepath.IsAbs(link):
		return link
	}
	return filepath.Join(filepath.Dir(path), link)
}

// checkForeign refuses a file that is there and is not the one that the store wrote or read.
func checkForeign(about *engine.Snapshot, path string) error {
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	known := false
	if err == nil && about.Written && about.Path == path {
		known, err = about.Sum.Unchanged(path)
	}
	if err == nil && !known && about.Coming != nil && about.Coming.Path == path {
		known, err = about.Coming.Sum.Unchanged(path)
	}
	if err != nil {
		return fmt.Errorf("snapshot %q: %w", path, err)
	}
	if known {
		return nil
	}
	message := fmt.Sprintf("%q was changed since kvasir wrote it", path)
	switch {
	case !about.Written || about.Path != path:
		message = fmt.Sprintf("%q is there, and the store did not write it", path)
	case about.Sum.None():
		message = fmt.Sprintf("%q was not read to its end", path)
	}
	return &base.Error{Sentinel: ErrForeign, Message: message + "; it is left as it is",
		Hint: "kvasir import takes in what it holds; kvasir export --force writes over it"}
}

// ReadSnapshot stores the entries of the file of the cache, and notes that the store knows it. Before that it notes
// that the file is being read, so that it is read again if this process is ended half way.
func ReadSnapshot(ctx context.Context, store control.Transfer, path string, o ImportOptions) (*ImportResult, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	about := &engine.Snapshot{Path: path, Changes: -1} // it is to be written again: the store may hold more
	about.Sum.Modified = time.Unix(0, 0)
	if err := store.Snapshotted(ctx, about); err != nil {
		return nil, err
	}
	lines := snapshot.NewSummed(file)
	out, err := Import(ctx, store, lines, o)
	if err != nil {
		if faulty(err) {
			err = errors.Join(err, noteFaulty(ctx, store, about, file))
		}
		return out, fmt.Errorf("%q: %w", path, err)
	}
	if about.Sum, err = lines.Sum(); err != nil {
		return out, err
	}
	return out, store.Snapshotted(ctx, about)
}

// faulty reports whether a file is to blame for a failure, so that reading it again would end the same.
func faulty(err error) bool {
	var line *snapshot.LineError
	return errors.As(err, &line) || errors.Is(err, snapshot.ErrFormat) || errors.Is(err, snapshot.ErrShort)
}

// noteFaulty notes how a file looks that was read in vain: it is read again when it looks otherwise.
func noteFaulty(ctx context.Context, store control.Transfer, about *engine.Snapshot, file *os.File) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	about.Sum.Size, about.Sum.Modified = info.Size(), info.ModTime()
	return store.Snapshotted(ctx, about)
}

// owed reports whether the reading of a file was begun and not ended.
func owed(about *engine.Snapshot, path string) bool {
	path, err := filepath.Abs(path)
	if err != nil || !about.Written || about.Path != path || !about.Sum.None() {
		return false
	}
	info, err := os.Stat(path)
	return err == nil && (info.Size() != about.Sum.Size || !info.ModTime().Equal(about.Sum.Modified))
}

// takeIn reads the file of the cache into a store that is new or has not read it to its end, or where it is asked
// for.
func (m *Model) takeIn(ctx context.Context) error {
	if m.snapshot == "" || m.store.Owner() != 0 && !m.options.Import {
		return nil
	}
	about, err := m.store.Snapshot(ctx)
	if err != nil || !about.New && !m.options.Import && !owed(about, m.snapshot) {
		return err
	}
	out, err := ReadSnapshot(ctx, m.store, m.snapshot, ImportOptions{})
	switch {
	case errors.Is(err, fs.ErrNotExist) && !m.options.Import:
		return nil
	case err != nil && m.options.Import:
		return err
	case err != nil:
		m.options.Note("%s was not read: %v", m.snapshot, err)
	case out.Entries > 0:
		m.options.Note("read %s from %s", base.Entries(out.Added+out.Replaced), m.snapshot)
	}
	if out != nil && out.Added+out.Replaced > 0 { // so that what is alike is found by the very first request
		if _, err := Reindex(ctx, m.store, nil); err != nil && ctx.Err() == nil {
			m.options.Note("normal forms are made later: %v", err)
		}
	}
	return nil
}

// writeOut writes the file of the cache, if this process has the store, and has changed it. A failure is only
// told: the answers are in the store.
func (m *Model) writeOut(ctx context.Context) {
	if m.snapshot == "" || m.store.Owner() != 0 || !m.options.Snapshot && !m.changed.Load() {
		return
	}
	if info, err := os.Stat(m.snapshot); err == nil && !m.options.Snapshot && time.Since(info.ModTime()) < SnapshotAge {
		return
	}
	about, err := m.store.Snapshot(ctx)
	if err == nil && about.Changed {
		_, err = WriteSnapshot(ctx, m.store, m.snapshot, false, nil)
	}
	if err != nil {
		m.options.Note("the snapshot was not written: %v", err)
	}
}
