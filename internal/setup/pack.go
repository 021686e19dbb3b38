package setup

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/kvasir-cache/kvasir/engine"
	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/blob"
	"github.com/kvasir-cache/kvasir/internal/control"
	"github.com/kvasir-cache/kvasir/internal/pack"
)

// packStore is what packs need of a store.
type packStore interface {
	control.Transfer
	control.StateTransfer
}

// PackOptions say what a pack holds.
type PackOptions struct {
	Filter   engine.ExportFilter // of entries; its tenant is that of the state too
	State    bool                // saved state goes into it
	Key      ed25519.PrivateKey
	Progress func(entries, chunks int)
}

// Packed says what a pack holds, and what it leaves out.
type Packed struct {
	Exported
	Chunks     int `json:"chunks"`
	Unreadable int `json:"unreadable"` // chunks whose file is gone or damaged, or that follow one that is
}

// ExportPack writes a signed pack of a store.
func ExportPack(ctx context.Context, store packStore, w io.Writer, o PackOptions) (*Packed, error) {
	out := &Packed{}
	p, err := pack.NewWriter(w)
	if err != nil {
		return nil, err
	}
	err = p.Entries(func(w io.Writer) (int, error) {
		entries, err := Export(ctx, store, w, o.Filter, func(n int) { o.progress(n, 0) })
		if err != nil {
			return 0, err
		}
		out.Exported = *entries
		return entries.Entries, nil
	})
	if err == nil && o.State {
		err = (&statePacker{store: store, options: &o, out: out, pack: p}).write(ctx)
	}
	if err != nil {
		return nil, err
	}
	return out, p.Sign(o.Key)
}

func (o *PackOptions) progress(entries, chunks int) {
	if o.Progress != nil {
		o.Progress(entries, chunks)
	}
}

// statePacker writes the chunks of a store into a pack, parents before children.
type statePacker struct {
	store   packStore
	options *PackOptions
	out     *Packed
	pack    *pack.Writer

	packed map[blob.Key]packedChunk
	places map[tenantState]*engine.StatePlace
	buffer []byte
}

type packedChunk struct {
	index  int
	tenant string
}

type tenantState struct {
	tenant string
	state  engine.StateID
}

func (s *statePacker) write(ctx context.Context) error {
	all, err := allChunks(ctx, s.store)
	if err != nil {
		return err
	}
	s.packed, s.places = map[blob.Key]packedChunk{}, map[tenantState]*engine.StatePlace{}
	for len(all) > 0 { // one distance from the beginning after the other, so that the order is that of what is stored
		level := all[:countWhile(all, func(c *engine.StateChunk) bool { return c.From == all[0].From })]
		all = all[len(level):]
		s.order(level)
		for i := range level {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := s.add(ctx, &level[i]); err != nil {
				return err
			}
			s.options.progress(s.out.Entries, s.out.Chunks)
		}
	}
	return nil
}

// allChunks returns what is known of all chunks, by their distance from the beginning.
func allChunks(ctx context.Context, store packStore) (all []engine.StateChunk, err error) {
	var from []byte
	for {
		list, next, err := store.StateChunks(ctx, from)
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
		if from = next; from == nil {
			slices.SortStableFunc(all, func(a, b engine.StateChunk) int { return cmp.Compare(a.From, b.From) })
			return all, nil
		}
	}
}

func countWhile[T any](list []T, f func(*T) bool) int {
	for i := range list {
		if !f(&list[i]) {
			return i
		}
	}
	return len(list)
}

// order sorts chunks of one distance by what does not hang on the machine.
func (s *statePacker) order(level []engine.StateChunk) {
	slices.SortFunc(level, func(a, b engine.StateChunk) int {
		return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), bytes.Compare(a.State[:], b.State[:]),
			cmp.Compare(s.packed[a.Parent].index, s.packed[b.Parent].index), slices.Compare(a.Tokens, b.Tokens))
	})
}

// add packs a chunk, unless its file cannot be used, or it follows one that was left out.
func (s *statePacker) add(ctx context.Context, c *engine.StateChunk) error {
	meta := pack.Chunk{Tenant: c.Tenant, State: pack.Hash(c.State), Parent: -1, From: c.From, Tokens: c.Tokens, Origin: c.Origin, Cost: time.Duration(c.Cost)}
	if c.From > 0 {
		parent, ok := s.packed[c.Parent]
		if !ok {
			s.out.Unreadable++
			return nil
		}
		meta.Parent, meta.Tenant = parent.index, parent.tenant
	} else if !c.Rooted {
		s.out.Unreadable++
		return nil
	}
	if wanted := s.options.Filter.Tenant; wanted != nil && *wanted != meta.Tenant {
		return nil
	}
	payload, err := s.read(ctx, c, meta.Tenant)
	if errors.Is(err, blob.ErrDamaged) || errors.Is(err, fs.ErrNotExist) {
		s.out.Unreadable++
		return nil
	}
	if err == nil {
		err = s.pack.Chunk(meta, payload)
	}
	if err != nil {
		return fmt.Errorf("chunk %x: %w", c.Key[:4], err)
	}
	s.packed[c.Key] = packedChunk{s.out.Chunks, meta.Tenant}
	s.out.Chunks++
	return nil
}

// read reads and authenticates the file of a chunk.
func (s *statePacker) read(ctx context.Context, c *engine.StateChunk, tenant string) (payload []byte, err error) {
	place := s.places[tenantState{tenant, c.State}]
	if place == nil {
		if place, err = s.store.StatePlace(ctx, tenant, c.State); err != nil {
			return nil, err
		}
		s.places[tenantState{tenant, c.State}] = place
	}
	want := blob.Header{ID: c.State, Key: c.Key, From: c.From, Tokens: len(c.Tokens), Origin: c.Origin, Sealed: place.Sealed}
	payload, _, err = blob.Read(blob.Path(place.Dir, c.Key), &place.Secret, &want, s.buffer)
	if cap(payload) > cap(s.buffer) {
		s.buffer = payload
	}
	return payload, err
}

// UnpackResult says what became of a pack.
type UnpackResult struct {
	ImportResult
	Chunks   int    `json:"chunks"`             // of saved state, that the pack holds
	Admitted int    `json:"admitted"`           // that were not there yet, and fitted
	NoState  string `json:"no_state,omitempty"` // why the store took none
}

// VerifyPack verifies all of a pack, for whoever is to make a store only where it is sound.
func VerifyPack(ctx context.Context, file io.ReaderAt, size int64, trusted ed25519.PublicKey) error {
	p, err := pack.Open(file, size, trusted)
	if err != nil {
		return err
	}
	if err := p.ReadEntries(func(r io.Reader) error { _, err := io.Copy(io.Discard, r); return err }); err != nil {
		return err
	}
	var buffer []byte
	for i := range p.Chunks {
		if buffer, err = p.Chunk(i, buffer); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// ImportPack stores what a pack holds. Before anything of it is stored all of it was verified: the signature, and
// the hash of every part. State gets the secrets of this store on its way.
func ImportPack(ctx context.Context, store packStore, file io.ReaderAt, size int64, trusted ed25519.PublicKey, o ImportOptions) (*UnpackResult, error) {
	out := &UnpackResult{}
	p, err := pack.Open(file, size, trusted)
	if err != nil {
		return out, err
	}
	out.Chunks = len(p.Chunks)
	entries, err := verifiedEntries(p)
	if err != nil {
		return out, err
	}
	defer entries.Close()
	u := &unpacker{store: store, pack: p, places: map[tenantState]*engine.StatePlace{}, keys: make([]blob.Key, len(p.Chunks))}
	defer u.discard()
	if err := u.write(ctx); err != nil {
		if !errors.Is(err, engine.ErrNotFound) {
			return out, err
		}
		out.NoState = err.Error()
		u.discard()
	}
	stored, err := Import(ctx, store, entries, o)
	if out.ImportResult = *stored; err != nil {
		return out, err
	}
	out.Admitted, err = u.admit(ctx)
	return out, err
}

// verifiedEntries copies the export to a file of our own, which nobody can change any more, and verifies it.
func verifiedEntries(p *pack.Pack) (*os.File, error) {
	file, err := os.CreateTemp("", "kvasir-pack-*")
	if err != nil {
		return nil, err
	}
	_ = os.Remove(file.Name()) // it is there until it is closed
	err = p.ReadEntries(func(r io.Reader) error {
		_, err := io.Copy(file, r)
		return err
	})
	if err == nil {
		_, err = file.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// unpacker brings the chunks of a pack into a store.
type unpacker struct {
	store  packStore
	pack   *pack.Pack
	places map[tenantState]*engine.StatePlace
	keys   []blob.Key // that chunks have here
	files  []base.SavedChunk
}

// write verifies all chunks and writes their files, under temporary names.
func (u *unpacker) write(ctx context.Context) error {
	var buffer []byte
	for i := range u.pack.Chunks {
		c := &u.pack.Chunks[i]
		place, err := u.place(ctx, c)
		if err != nil {
			return err
		}
		if buffer, err = u.pack.Chunk(i, buffer); err != nil {
			return err
		}
		parent := place.Seed
		if c.Parent >= 0 {
			parent = u.keys[c.Parent]
		}
		u.keys[i] = blob.NextKey(parent, c.Tokens)
		header := blob.Header{ID: c.State, Key: u.keys[i], From: c.From, Tokens: len(c.Tokens), Origin: c.Origin, Sealed: place.Sealed}
		temp, size, err := blob.Write(place.Dir, &place.Secret, &header, buffer)
		if err != nil {
			return err
		}
		u.files = append(u.files, base.SavedChunk{
			Key: u.keys[i], Parent: parent, From: c.From, Tokens: c.Tokens, Origin: c.Origin, Temp: temp, Bytes: size, Cost: c.Cost,
		})
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

func (u *unpacker) place(ctx context.Context, c *pack.Chunk) (*engine.StatePlace, error) {
	key := tenantState{c.Tenant, engine.StateID(c.State)}
	if place := u.places[key]; place != nil {
		return place, nil
	}
	place, err := u.store.StatePlace(ctx, c.Tenant, engine.StateID(c.State))
	if err == nil {
		u.places[key] = place
	}
	return place, err
}

// admitAtOnce is how many chunks the store takes in one go.
const admitAtOnce = 64

// admit gives the files to the store, those of a tenant and a state together.
func (u *unpacker) admit(ctx context.Context) (admitted int, err error) {
	groups, order := map[tenantState][]base.SavedChunk{}, []tenantState{}
	for i, file := range u.files {
		key := tenantState{u.pack.Chunks[i].Tenant, engine.StateID(u.pack.Chunks[i].State)}
		if groups[key] == nil {
			order = append(order, key)
		}
		groups[key] = append(groups[key], file)
	}
	for _, key := range order {
		for part := range slices.Chunk(groups[key], admitAtOnce) {
			n, err := u.store.Admit(ctx, key.tenant, key.state, part)
			if admitted += n; err != nil {
				return admitted, err
			}
		}
	}
	return admitted, nil
}

// discard removes the files that are left.
func (u *unpacker) discard() {
	for i, file := range u.files {
		key := tenantState{u.pack.Chunks[i].Tenant, engine.StateID(u.pack.Chunks[i].State)}
		blob.Discard(u.places[key].Dir, []string{file.Temp})
	}
	u.files = nil
}
