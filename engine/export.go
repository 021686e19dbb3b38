package engine

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/kvasir-cache/kvasir/internal/fingerprint"
	"github.com/kvasir-cache/kvasir/internal/keyspace"
	"github.com/kvasir-cache/kvasir/internal/snapshot"
	"github.com/kvasir-cache/kvasir/internal/store"
)

// ExportRecord is an entry as exports have it.
type ExportRecord = snapshot.Record

// ExportFilter says which entries are exported. The zero value means all.
type ExportFilter struct {
	Model  string    `json:",omitempty"` // beginning of the model's id
	Tenant *string   `json:",omitempty"`
	Before time.Time `json:",omitzero"`  // remembered earlier than this
	After  time.Time `json:",omitzero"`  // remembered at this time or later
	Prompt string    `json:",omitempty"` // is in the prompt, whatever the case
	Topic  string    `json:",omitempty"`
	Tag    string    `json:",omitempty"` // is one of the tags
}

// Some reports whether the filter may leave something out.
func (f *ExportFilter) Some() bool { return *f != ExportFilter{} }

func (f *ExportFilter) takes(e *keyspace.Entry) bool {
	created := moment(e.Created)
	switch {
	case f.Topic != "" && e.Topic != f.Topic, f.Tag != "" && !slices.Contains(e.Tags, f.Tag),
		!strings.HasPrefix(modelName(ModelID(e.Model)), f.Model),
		!f.Before.IsZero() && !created.Before(f.Before),
		!f.After.IsZero() && created.Before(f.After):
		return false
	}
	return f.Prompt == "" || strings.Contains(strings.ToLower(e.Prompt), strings.ToLower(f.Prompt))
}

// ExportPage is some of the entries of a store.
type ExportPage struct {
	Records []ExportRecord
	Next    string // where the rest begins; empty if there is none

	// Entries that are left out, since nobody could be served by them: expired ones, damaged ones, and those of
	// tenants whose salt is gone.
	Expired, Damaged, Lost int
}

// Export returns entries from an id on, in the order in which they were stored, about 1 MiB of them; a page may
// hold none though more come. An empty from means the beginning. Entries that come or go meanwhile may or may
// not be in it, each whole.
func (e *Engine) Export(ctx context.Context, from string, filter ExportFilter) (*ExportPage, error) {
	var first []byte
	if from != "" {
		id, err := parseID(from)
		if err != nil {
			return nil, err
		}
		first = keyspace.EntryKey(id)
	}
	rows, rest, err := e.store.Page(keyspace.EntryPrefix(), first, exportRows)
	if err != nil {
		return nil, err
	}
	page, finder := &ExportPage{}, newTenantFinder(e.salts)
	for _, row := range rows {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		e.exportRow(page, finder, &filter, row)
	}
	if rest != nil {
		id, err := keyspace.ParseEntryKey(rest)
		if err != nil {
			return nil, err
		}
		page.Next = id.String()
	}
	return page, nil
}

// exportRows is how many entries a page has at most.
const exportRows = 1024

func (e *Engine) exportRow(page *ExportPage, finder *tenantFinder, filter *ExportFilter, row store.Row) {
	id, entry, err := decodeRow(row)
	switch {
	case err != nil:
		page.Damaged++
		return
	case !filter.takes(entry):
		return
	case e.expired(entry):
		page.Expired++
		return
	}
	tenant, ok := finder.find(entry)
	if !ok {
		page.Lost++
		return
	}
	if filter.Tenant != nil && *filter.Tenant != tenant {
		return
	}
	record, err := e.recordOf(id, entry, tenant)
	if err != nil {
		page.Damaged++
		return
	}
	page.Records = append(page.Records, *record)
}

func (e *Engine) recordOf(id keyspace.ID, entry *keyspace.Entry, tenant string) (*ExportRecord, error) {
	request, err := fingerprint.ParseCanonical(entry.Request, entry.Prompt)
	if err != nil {
		return nil, err
	}
	uses := e.usesOf(id)
	record := &ExportRecord{
		Tenant: tenant, Model: modelName(ModelID(entry.Model)), Request: snapshot.RequestOf(request),
		FinishReason: entry.FinishReason, StopString: entry.StopString,
		PromptTokens: entry.PromptTokens, Tokens: entry.Tokens, Usage: entry.Usage,
		Timings: snapshot.Timings{Queue: entry.Timings.Queue, Prefill: entry.Timings.Prefill, Decode: entry.Timings.Decode, Cost: entry.Cost},
		Created: moment(entry.Created), Expires: moment(entry.Expires), Uses: uses.Count, LastUse: moment(uses.Last), Pinned: uses.Worth.Pinned,
		Topic: entry.Topic, Tags: entry.Tags,
	}
	record.SetAnswer(entry.Answer)
	record.Wrong, err = e.wrongOf(entry)
	return record, err
}

// tenantFinder finds out whose an entry is: its namespace is made with its tenant's salt.
type tenantFinder struct {
	salts   *fingerprint.Salts
	tenants []string // the one that was found last is first
}

func newTenantFinder(salts *fingerprint.Salts) *tenantFinder {
	return &tenantFinder{salts: salts, tenants: salts.Tenants()}
}

func (t *tenantFinder) find(entry *keyspace.Entry) (tenant string, ok bool) {
	c := fingerprint.Canonical{Bytes: entry.Request}
	for i, tenant := range t.tenants {
		salt, err := t.salts.Salt(tenant)
		if err == nil && keyspace.Hash(fingerprint.Namespace(salt, ModelID(entry.Model), c)) == entry.Namespace {
			t.tenants[0], t.tenants[i] = t.tenants[i], t.tenants[0]
			return tenant, true
		}
	}
	return "", false
}

// errLostTenant is the failure of what needs the tenant of an entry.
var errLostTenant = errors.New("the salt of the entry's tenant is gone, so nobody finds it")
