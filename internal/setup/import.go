package setup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/kvasir-cache/kvasir/engine"
	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/config"
	"github.com/kvasir-cache/kvasir/internal/control"
	"github.com/kvasir-cache/kvasir/internal/snapshot"
)

// ImportOptions say how an export is read.
type ImportOptions struct {
	Merge    engine.Merge
	SkipBad  bool                        // lines that cannot be used are counted and left out
	Bad      func(line int, err error)   // is told of each of them
	Progress func(entries int, at int64) // is told now and then how many were stored, and of how many bytes
}

// ImportResult says what became of an export.
type ImportResult struct {
	Entries   int `json:"entries"` // that were read
	Added     int `json:"added"`
	Replaced  int `json:"replaced"`
	Kept      int `json:"kept"`
	Unchanged int `json:"unchanged"`
	Wrong     int `json:"wrong"`
	Marks     int `json:"marks"` // of answers as wrong, that were not here yet
	Expired   int `json:"expired"`
	Evicted   int `json:"evicted"`
	Bad       int `json:"bad"` // lines
}

func (r *ImportResult) add(batch *engine.Imported) {
	r.Added += batch.Added
	r.Replaced += batch.Replaced
	r.Kept += batch.Kept
	r.Unchanged += batch.Unchanged
	r.Wrong += batch.Wrong
	r.Marks += batch.Marks
	r.Expired += batch.Expired
	r.Evicted += batch.Evicted
}

// Bounds of what is stored at once. With what is being read and what waits, three batches are in memory.
const (
	importEntries = 2000
	importBytes   = 4 << 20
)

// batch is some entries of an export, with the lines they were in.
type batch struct {
	records []engine.ExportRecord
	lines   []int
	at      int64 // bytes read until now
	bad     []*snapshot.LineError
	err     error // that ended the reading, after these
}

// Import stores the entries of an export. What it returns is stored and safe, also beside an error: at a line
// that cannot be used, or at the end of a file that is not whole.
func Import(ctx context.Context, store control.Transfer, r io.Reader, o ImportOptions) (*ImportResult, error) {
	out := &ImportResult{}
	counting := &countingReader{in: r}
	lines, err := snapshot.NewReader(counting)
	if err != nil {
		return out, err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	for b := range readBatches(ctx, lines, counting, o.SkipBad) {
		if err := out.take(ctx, store, b, &o); err != nil {
			return out, stopped(out, err)
		}
	}
	return out, ctx.Err()
}

// Probe reads an export up to its first entry, for whoever is to make a store only where there is one to come. It
// fails where Import would have failed before it stored anything, and returns a reader of the whole export.
func Probe(r io.Reader, skipBad bool) (io.Reader, error) {
	var head bytes.Buffer
	lines, err := snapshot.NewReader(io.TeeReader(r, &head))
	if err != nil {
		return nil, err
	}
	for {
		_, err := lines.Next()
		var bad *snapshot.LineError
		switch {
		case skipBad && errors.As(err, &bad):
		case err != nil && err != io.EOF:
			return nil, stopped(&ImportResult{}, err)
		default:
			return io.MultiReader(&head, r), nil
		}
	}
}

// NewStore reports whether the store that c describes is not there yet.
func NewStore(c *config.Config) bool {
	dir, _ := c.Cache.Store()
	return isNew(dir)
}

// stopped says what is stored all the same.
func stopped(out *ImportResult, err error) error {
	var line *snapshot.LineError
	message := fmt.Sprintf("%v; %s", err, storedBefore(out.Entries))
	switch {
	case errors.As(err, &line):
		return &base.Error{Sentinel: err, Message: message, Hint: "--skip-bad leaves such lines out and counts them"}
	case errors.Is(err, snapshot.ErrShort):
		return &base.Error{Sentinel: err, Message: message, Hint: "the file may be cut off; export it again"}
	}
	return err
}

func storedBefore(n int) string {
	switch n {
	case 0:
		return "nothing is stored"
	case 1:
		return "the entry before that is stored"
	}
	return fmt.Sprintf("the %d entries before that are stored", n)
}

// take stores a batch.
func (r *ImportResult) take(ctx context.Context, store control.Transfer, b *batch, o *ImportOptions) error {
	for _, bad := range b.bad {
		r.skip(bad, o)
	}
	stored, err := store.Import(ctx, b.records, o.Merge)
	if err != nil {
		return err
	}
	r.add(stored)
	r.Entries += len(b.records) - len(stored.Refused)
	for _, refused := range stored.Refused {
		err := &snapshot.LineError{Line: b.lines[refused.Index], Err: errors.New(refused.Reason)}
		if !o.SkipBad {
			return err
		}
		r.skip(err, o)
	}
	if o.Progress != nil {
		o.Progress(r.Entries, b.at)
	}
	return b.err
}

func (r *ImportResult) skip(bad *snapshot.LineError, o *ImportOptions) {
	r.Bad++
	if o.Bad != nil {
		o.Bad(bad.Line, bad.Err)
	}
}

// readBatches reads ahead while others store.
func readBatches(ctx context.Context, lines *snapshot.Reader, at *countingReader, skipBad bool) <-chan *batch {
	batches := make(chan *batch, 1)
	go func() {
		defer close(batches)
		for {
			b, more := readBatch(lines, skipBad)
			b.at = at.n
			select {
			case batches <- b:
			case <-ctx.Done():
				return
			}
			if !more {
				return
			}
		}
	}()
	return batches
}

func readBatch(lines *snapshot.Reader, skipBad bool) (b *batch, more bool) {
	b = &batch{records: make([]engine.ExportRecord, 0, importEntries), lines: make([]int, 0, importEntries)}
	for size := 0; len(b.records) < importEntries && size < importBytes && len(b.bad) < importEntries; {
		record, err := lines.Next()
		var bad *snapshot.LineError
		switch {
		case err == io.EOF:
			return b, false
		case skipBad && errors.As(err, &bad):
			b.bad = append(b.bad, bad)
		case err != nil:
			b.err = err
			return b, false
		default:
			size += lines.Bytes()
			b.records, b.lines = append(b.records, *record), append(b.lines, lines.Line())
		}
	}
	return b, true
}

// countingReader counts what was read. It is read by one goroutine, which also reads n.
type countingReader struct {
	in io.Reader
	n  int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.in.Read(p)
	c.n += int64(n)
	return n, err
}

// Reindex makes the normal forms of entries that have none, and tells how many are done.
func Reindex(ctx context.Context, store control.Transfer, progress func(entries int)) (entries int, err error) {
	before, err := store.Reindex(ctx, false)
	if err != nil {
		return 0, err
	}
	r, err := store.Reindex(ctx, true)
	if err != nil {
		return 0, err
	}
	first := before.Filled
	for !r.Done {
		if progress != nil {
			progress(int(r.Filled - first))
		}
		if r, err = store.Reindex(ctx, false); err != nil {
			return 0, err
		}
	}
	return int(r.Filled - first), nil
}
