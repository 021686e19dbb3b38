package setup

import (
	"context"
	"io"

	"github.com/kvasir-cache/kvasir/engine"
	"github.com/kvasir-cache/kvasir/internal/control"
	"github.com/kvasir-cache/kvasir/internal/snapshot"
)

// Exported says what an export holds, and what it leaves out because nobody could be served by it.
type Exported struct {
	Entries int `json:"entries"`
	Expired int `json:"expired"`
	Damaged int `json:"damaged"`
	Lost    int `json:"lost"` // of tenants whose salt is gone
}

// Export writes the entries of a store to w, in the order in which they were stored. progress, if there is one,
// is told now and then how many were written.
func Export(ctx context.Context, store control.Transfer, w io.Writer, filter engine.ExportFilter, progress func(entries int)) (*Exported, error) {
	out, lines := &Exported{}, snapshot.NewWriter(w)
	err := eachPage(ctx, store, filter, func(page *engine.ExportPage) error {
		out.add(page)
		for i := range page.Records {
			if err := lines.Write(&page.Records[i]); err != nil {
				return err
			}
		}
		if progress != nil {
			progress(out.Entries)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, lines.End()
}

func (x *Exported) add(page *engine.ExportPage) {
	x.Entries += len(page.Records)
	x.Expired += page.Expired
	x.Damaged += page.Damaged
	x.Lost += page.Lost
}

// eachPage calls f with all pages of an export. The next one is read meanwhile.
func eachPage(ctx context.Context, store control.Transfer, filter engine.ExportFilter, f func(*engine.ExportPage) error) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	type read struct {
		page *engine.ExportPage
		err  error
	}
	pages := make(chan read, 1)
	go func() {
		defer close(pages)
		for from, more := "", true; more; {
			page, err := store.Export(ctx, from, filter)
			if err == nil {
				from, more = page.Next, page.Next != ""
			}
			select {
			case pages <- read{page, err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	for r := range pages {
		if r.err != nil {
			return r.err
		}
		if err := f(r.page); err != nil {
			return err
		}
	}
	return ctx.Err()
}
