package engine

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/fingerprint"
	"github.com/kvasir-cache/kvasir/internal/keyspace"
	"github.com/kvasir-cache/kvasir/internal/store"
)

// Merge says what becomes of an entry where one is imported for the same request.
type Merge string

const (
	MergeNewer   Merge = "newer"   // the one that was remembered later stays; if neither was, the one there is
	MergeKeep    Merge = "keep"    // the one there is stays
	MergeReplace Merge = "replace" // the imported one takes its place
)

// Imported says what became of records.
type Imported struct {
	Added, Replaced int
	Kept            int // of the entries there were, where another one was imported for the same request
	Unchanged       int // were there already, to the last bit
	Wrong           int // were said to be wrong here, and left out
	Marks           int // prompts that an answer is wrong for, and of which nobody knew here
	Expired         int // were too old to serve, and left out
	Evicted         int // entries that had to go so that no more are kept than Options allow
	Refused         []Refusal
}

// Refusal is a record that no store may have.
type Refusal struct {
	Index  int // in what was imported
	Reason string
}

// Import stores records, each whole or not at all, and returns when they are safe. Their keys are made anew, with
// the salts of this store. Their normal forms are left to Reindex. A record that is refused does not keep the
// others out. An import that failed half way may be repeated: what is there already is unchanged.
func (e *Engine) Import(ctx context.Context, records []ExportRecord, merge Merge) (*Imported, error) {
	switch merge {
	case "":
		merge = MergeNewer
	case MergeNewer, MergeKeep, MergeReplace:
	default:
		return nil, &base.Error{Sentinel: base.ErrInvalid, Message: fmt.Sprintf("merge is %q; it must be newer, keep or replace", merge)}
	}
	out := &Imported{}
	i := importer{engine: e, merge: merge, out: out, models: map[string]ModelID{}}
	for n := range records {
		entry, account, err := i.entry(&records[n])
		switch {
		case errors.Is(err, errExpired):
			out.Expired++
		case err != nil:
			out.Refused = append(out.Refused, Refusal{n, err.Error()})
		default:
			i.entries = append(i.entries, incoming{entry, &records[n], account})
		}
	}
	if err := i.store(); err != nil {
		return nil, err
	}
	if most, _ := e.limits(); e.needs().less(most).any() {
		gone, _, err := e.compact(ctx, nil)
		if err != nil {
			return nil, err
		}
		out.Evicted = len(gone)
	}
	return out, e.store.Apply().Wait(ctx)
}

// incoming is an entry to store.
type incoming struct {
	*keyspace.Entry
	record  *ExportRecord
	account uint32 // of its tenant
}

func (i *incoming) index() []byte { return keyspace.ExactKey(i.Namespace, i.Exact) }

type importer struct {
	engine  *Engine
	merge   Merge
	out     *Imported
	models  map[string]ModelID // by their names
	entries []incoming
}

var errExpired = errors.New("it expired")

// entry makes the entry of a record, with the keys it has here.
func (i *importer) entry(r *ExportRecord) (entry *keyspace.Entry, account uint32, err error) {
	model, err := i.model(r.Model)
	if err != nil {
		return nil, 0, err
	}
	entry = &keyspace.Entry{
		Timings: base.Timings{Queue: r.Timings.Queue, Prefill: r.Timings.Prefill, Decode: r.Timings.Decode}, Cost: r.Timings.Cost,
		Usage: r.Usage, Topic: r.Topic, Tags: r.Tags, PromptTokens: r.PromptTokens, Tokens: r.Tokens,
		Answer: r.AnswerText(), FinishReason: r.FinishReason, StopString: r.StopString,
	}
	if entry.Created, err = stamp("created", r.Created); err != nil {
		return nil, 0, err
	}
	if !r.Expires.IsZero() {
		if entry.Expires, err = stamp("expires", r.Expires); err != nil {
			return nil, 0, err
		}
	}
	switch {
	case i.engine.expired(entry):
		return nil, 0, errExpired
	case r.FinishReason != base.FinishStop:
		return nil, 0, fmt.Errorf("its answer is not whole: finish_reason is %q", r.FinishReason)
	case entry.Cost < 0 || entry.Usage.PromptTokens < 0 || entry.Usage.CompletionTokens < 0:
		return nil, 0, errors.New("its cost or its usage is negative")
	}
	if err := errors.Join(checkUses(r), checkWrong(r)); err != nil {
		return nil, 0, err
	}
	q := &Query{Tenant: r.Tenant, Model: model, Request: r.Request.Base()}
	k, err := i.engine.keysOf(q)
	if err != nil {
		return nil, 0, err
	}
	entry.Namespace, entry.Exact, entry.Model = keyspace.Hash(k.namespace), keyspace.Hash(k.exact), keyspace.Hash(model)
	entry.Request, entry.Prompt = k.canonical.Bytes, k.canonical.Subject
	return entry, k.account, nil
}

func (i *importer) model(name string) (id ModelID, err error) {
	if id, ok := i.models[name]; ok {
		return id, nil
	}
	if n, err := hex.Decode(id[:], []byte(name)[:min(len(name), 2*len(id))]); err != nil || n != len(id) || len(name) != 2*n || strings.ToLower(name) != name {
		return id, errors.New("its model is no id of 64 hex digits")
	}
	i.models[name] = id
	return id, nil
}

// stamp returns a time in unix nanoseconds.
func stamp(field string, t time.Time) (int64, error) {
	ns := t.UnixNano()
	if ns <= 0 || !time.Unix(0, ns).Equal(t) {
		return 0, fmt.Errorf("its time %s is out of range", field)
	}
	return ns, nil
}

// importBatch bounds what one batch holds, in bytes; more is another batch.
const importBatch = 4 << 20

// store stores the entries in batches, each while nobody else changes anything.
func (i *importer) store() error {
	for len(i.entries) > 0 {
		n, err := i.storeSome()
		if err != nil {
			return err
		}
		i.entries = i.entries[n:]
	}
	return nil
}

// storeSome stores as many entries as one batch takes, and returns how many. A request that comes a second time
// begins another batch, which sees what this one did.
func (i *importer) storeSome() (n int, err error) {
	e := i.engine
	e.changing.Lock()
	defer e.changing.Unlock()
	var c change
	size, done, out := 0, map[string]bool{}, *i.out
	for n < len(i.entries) && size < importBatch {
		in := &i.entries[n]
		index := in.index()
		if done[string(index)] {
			break
		}
		done[string(index)] = true
		bytes, err := i.put(&c, in, index)
		if err != nil {
			*i.out = out
			return 0, err
		}
		size += bytes
		n++
	}
	if len(c.mutations) == 0 {
		return n, nil
	}
	if _, err := e.applyLocked(&c); err != nil {
		*i.out = out
		return 0, err
	}
	return n, nil
}

// put adds an entry to a batch, if it is to be stored, and returns how many bytes that takes.
func (i *importer) put(c *change, in *incoming, index []byte) (int, error) {
	e := i.engine
	c.account = in.account // the next entry of the batch may be another tenant's
	var old keyspace.Uses
	stored, there, err := i.wins(in, index)
	switch {
	case err != nil:
		return 0, err
	case !stored:
		return 0, i.putMarks(c, in, e.idHere(in))
	case !there:
		i.out.Added++
	default:
		i.out.Replaced++
		if old, err = e.replace(c, index); err != nil {
			return 0, err
		}
	}
	id, err := e.store.NextID()
	if err != nil {
		return 0, err
	}
	key := keyspace.EntryKey(id)
	value := keyspace.EncodeEntry(key, in.Entry)
	c.set(key, value)
	c.set(index, keyspace.EncodeExact(index, id))
	uses := usesIn(in.record)
	uses.Worth = worthOf(in.Entry, in.account, entrySize(len(value), nil))
	uses.Worth.Weight += float64(uses.Count)
	inherit(&uses.Worth, old, in.Created)
	uses.Worth.Pinned = uses.Worth.Pinned || in.record.Pinned
	c.setUses(e, id, uses)
	c.count(entries, 1)
	c.count(entryBytes, int64(uses.Worth.Bytes))
	c.count(imported, 1)
	c.then = append(c.then, e.matching.filling.anew)
	return len(value) + len(index), i.putMarks(c, in, id)
}

// putMarks adds what is said to be wrong, whichever entry wins.
func (i *importer) putMarks(c *change, in *incoming, id keyspace.ID) error {
	n, err := i.engine.importWrong(c, in, id)
	i.out.Marks += n
	return err
}

// mostUses bounds how often an entry is said to have served; its weight is this number, and others are added.
const mostUses = 1 << 40

func checkUses(r *ExportRecord) error {
	if r.Uses > mostUses {
		return fmt.Errorf("its uses are %d; at most %d are believed", r.Uses, int64(mostUses))
	}
	if r.LastUse.IsZero() {
		return nil
	}
	_, err := stamp("last_use", r.LastUse)
	return err
}

func usesIn(r *ExportRecord) keyspace.Uses {
	u := keyspace.Uses{Count: r.Uses}
	if !r.LastUse.IsZero() {
		u.Last = r.LastUse.UnixNano()
	}
	return u
}

// wins decides between an entry and the one that is there, if one is.
func (i *importer) wins(in *incoming, index []byte) (stored, there bool, err error) {
	if wrong, err := i.engine.outlawed(in.Entry); err != nil || wrong {
		i.out.Wrong++
		return false, false, err
	}
	id, err := i.engine.leadsTo(index)
	if errors.Is(err, store.ErrNotFound) {
		return true, false, nil
	}
	var old *keyspace.Entry
	if err == nil {
		old, err = i.engine.read(id)
	}
	switch {
	case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrCorrupt):
		return true, true, nil // what is damaged is no loss
	case err != nil:
		return false, true, err
	case same(in.Entry, old):
		i.out.Unchanged++
		return false, true, nil
	case i.merge == MergeReplace, i.merge == MergeNewer && in.Created > old.Created, i.engine.expired(old):
		return true, true, nil
	}
	i.out.Kept++
	return false, true, nil
}

// same reports whether two entries hold the same. Normal forms are this machine's own.
func same(a, b *keyspace.Entry) bool {
	x, y := *a, *b
	x.Forms, y.Forms = nil, nil
	key := keyspace.EntryKey(0)
	return bytes.Equal(keyspace.EncodeEntry(key, &x), keyspace.EncodeEntry(key, &y))
}

// tenantOf finds whose an entry is, and the salt of its keys.
func (e *Engine) tenantOf(entry *keyspace.Entry) (string, fingerprint.Salt, error) {
	tenant, ok := newTenantFinder(e.salts).find(entry)
	if !ok {
		return "", fingerprint.Salt{}, errLostTenant
	}
	salt, err := e.salts.Salt(tenant)
	return tenant, salt, err
}
