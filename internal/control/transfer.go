package control

import (
	"context"
	"net/http"

	"github.com/kvasir-cache/kvasir/engine"
)

// Transfer moves entries out of a store and into it.
type Transfer interface {
	Export(ctx context.Context, from string, filter engine.ExportFilter) (*engine.ExportPage, error)
	Import(ctx context.Context, records []engine.ExportRecord, merge engine.Merge) (*engine.Imported, error)
	Reindex(ctx context.Context, begin bool) (*engine.Reindexing, error)
	Snapshot(ctx context.Context) (*engine.Snapshot, error)
	Snapshotted(ctx context.Context, s *engine.Snapshot) error
}

// Operations.
const (
	opExport      = "export"
	opImport      = "import"
	opReindex     = "reindex"
	opSnapshot    = "snapshot"
	opSnapshotted = "snapshotted"
)

type exportArgs struct {
	From   string
	Filter engine.ExportFilter
}

type importArgs struct {
	Records []engine.ExportRecord
	Merge   engine.Merge
}

func routeTransfer(mux *http.ServeMux, e *engine.Engine) {
	route(mux, opExport, func(ctx context.Context, a exportArgs) (*engine.ExportPage, error) {
		return e.Export(ctx, a.From, a.Filter)
	})
	route(mux, opImport, func(ctx context.Context, a importArgs) (*engine.Imported, error) {
		return e.Import(ctx, a.Records, a.Merge)
	})
	route(mux, opReindex, func(ctx context.Context, begin bool) (*engine.Reindexing, error) { return e.Reindex(ctx, begin) })
	route(mux, opSnapshot, func(ctx context.Context, _ none) (*engine.Snapshot, error) { return e.Snapshot(ctx) })
	route(mux, opSnapshotted, func(ctx context.Context, s *engine.Snapshot) (none, error) {
		if s == nil {
			return none{}, errNothing
		}
		return none{}, e.Snapshotted(ctx, s)
	})
}

func (c *client) Export(ctx context.Context, from string, filter engine.ExportFilter) (*engine.ExportPage, error) {
	return call[exportArgs, *engine.ExportPage](ctx, c, opExport, exportArgs{from, filter})
}

func (c *client) Import(ctx context.Context, records []engine.ExportRecord, merge engine.Merge) (*engine.Imported, error) {
	return call[importArgs, *engine.Imported](ctx, c, opImport, importArgs{records, merge})
}

func (c *client) Reindex(ctx context.Context, begin bool) (*engine.Reindexing, error) {
	return call[bool, *engine.Reindexing](ctx, c, opReindex, begin)
}

func (c *client) Snapshot(ctx context.Context) (*engine.Snapshot, error) {
	return call[none, *engine.Snapshot](ctx, c, opSnapshot, none{})
}

func (c *client) Snapshotted(ctx context.Context, s *engine.Snapshot) error {
	_, err := call[*engine.Snapshot, none](ctx, c, opSnapshotted, s)
	return err
}

// Export does what engine.Engine.Export does.
func (s *Session) Export(ctx context.Context, from string, filter engine.ExportFilter) (page *engine.ExportPage, err error) {
	err = s.do(ctx, func(st Store) error { page, err = st.Export(ctx, from, filter); return err })
	return page, err
}

// Import does what engine.Engine.Import does. If the owner ends meanwhile, what it had stored counts as unchanged.
func (s *Session) Import(ctx context.Context, records []engine.ExportRecord, merge engine.Merge) (out *engine.Imported, err error) {
	err = s.do(ctx, func(st Store) error { out, err = st.Import(ctx, records, merge); return err })
	return out, err
}

// Reindex does what engine.Engine.Reindex does.
func (s *Session) Reindex(ctx context.Context, begin bool) (r *engine.Reindexing, err error) {
	err = s.do(ctx, func(st Store) error { r, err = st.Reindex(ctx, begin); return err })
	return r, err
}

// Snapshot does what engine.Engine.Snapshot does.
func (s *Session) Snapshot(ctx context.Context) (out *engine.Snapshot, err error) {
	err = s.do(ctx, func(st Store) error { out, err = st.Snapshot(ctx); return err })
	return out, err
}

// Snapshotted does what engine.Engine.Snapshotted does.
func (s *Session) Snapshotted(ctx context.Context, about *engine.Snapshot) error {
	return s.do(ctx, func(st Store) error { return st.Snapshotted(ctx, about) })
}
