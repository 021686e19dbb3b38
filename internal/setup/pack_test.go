package setup

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/engine"
	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/blob"
	"github.com/kvasir-cache/kvasir/internal/pack"
)

var signer = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))

func checker() ed25519.PublicKey { return signer.Public().(ed25519.PublicKey) }

func stateQuery(tenant string, n int) *engine.StateQuery {
	q := &engine.StateQuery{Tenant: tenant, State: engine.StateID{5}, Tokens: make([]base.Token, 64*n+10)}
	for i := range q.Tokens {
		q.Tokens[i] = base.Token(i * len(tenant+"x"))
	}
	return q
}

// saveState saves the chunks of a prompt, as a host would.
func saveState(t testing.TB, e *engine.Engine, q *engine.StateQuery) {
	t.Helper()
	lease, err := e.Resume(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	report, parent := &base.StateReport{Computed: len(q.Tokens), Prefill: time.Second}, blob.Key(lease.Plan.Seed)
	for from := 0; from < len(q.Tokens); from += 64 {
		part := q.Tokens[from:min(from+64, len(q.Tokens))]
		key := blob.NextKey(parent, part)
		header := blob.Header{ID: lease.Plan.ID, Key: key, From: from, Tokens: len(part), Origin: base.OriginPrefill}
		temp, size, err := blob.Write(lease.Plan.Dir, &lease.Plan.Secret, &header, bytes.Repeat([]byte{byte(from)}, 500+from))
		if err != nil {
			t.Fatal(err)
		}
		report.Saved = append(report.Saved, base.SavedChunk{Key: key, Parent: parent, From: from, Tokens: part, Origin: base.OriginPrefill, Temp: temp, Bytes: size, Cost: time.Second})
		parent = key
	}
	if settled, err := e.Settle(t.Context(), lease.ID, report, true); err != nil || settled.Saved != len(report.Saved) {
		t.Fatalf("%+v, %v", settled, err)
	}
}

func packed(t testing.TB, e *engine.Engine) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := ExportPack(t.Context(), e, &b, PackOptions{State: true, Key: signer}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func unpack(ctx context.Context, e *engine.Engine, data []byte) (*UnpackResult, error) {
	return ImportPack(ctx, e, bytes.NewReader(data), int64(len(data)), checker(), ImportOptions{})
}

func openWithState(t testing.TB) (*engine.Engine, string) {
	dir := t.TempDir()
	return openEngine(t, engine.Options{Dir: dir, State: engine.StateOptions{MinPrefill: -1}}), dir
}

// TestPack_CarriesStateToAnotherStore: what one saved the other restores, under its own keys and secret.
func TestPack_CarriesStateToAnotherStore(t *testing.T) {
	a, _ := openWithState(t)
	b, dir := openWithState(t)
	fillStore(t, a, 20)
	for _, tenant := range []string{"", "acme"} {
		saveState(t, a, stateQuery(tenant, 3))
	}
	data := packed(t, a)
	out, err := unpack(t.Context(), b, data)
	if err != nil || out.Added != 20 || out.Chunks != 8 || out.Admitted != 8 {
		t.Fatalf("%+v, %v", out, err)
	}
	if again := packed(t, b); !bytes.Equal(again, data) {
		t.Errorf("the pack of the other store differs: %d and %d bytes", len(again), len(data))
	}
	for _, tenant := range []string{"", "acme"} {
		q := stateQuery(tenant, 3)
		lease, err := b.Resume(t.Context(), q)
		if err != nil || lease.Restored < 192 {
			t.Fatalf("%q: %+v, %v", tenant, lease, err)
		}
		key := blob.NextKey(lease.Plan.Seed, q.Tokens[:64])
		want := blob.Header{ID: lease.Plan.ID, Key: key, Tokens: 64}
		if payload, _, err := blob.Read(blob.Path(lease.Plan.Dir, key), &lease.Plan.Secret, &want, nil); err != nil || len(payload) != 500 {
			t.Errorf("%q: %d bytes, %v", tenant, len(payload), err)
		}
		if _, err := b.Settle(t.Context(), lease.ID, nil, false); err != nil {
			t.Error(err)
		}
	}
	if lease, err := b.Resume(t.Context(), stateQuery("other", 3)); err != nil || lease.Restored != 0 {
		t.Errorf("another tenant: %+v, %v", lease, err)
	}
	if out, err = unpack(t.Context(), b, data); err != nil || out.Unchanged != 20 || out.Admitted != 0 {
		t.Errorf("the second time: %+v, %v", out, err)
	}
	if left, _ := blob.Temps(filepath.Join(dir, "kv")); len(left) > 0 {
		t.Errorf("files are left: %q", left)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	report, err := engine.Check(t.Context(), engine.CheckOptions{Dir: dir})
	if err != nil || report.Broken != 0 || report.Chunks != 8 || report.Entries != 20 {
		t.Errorf("%+v, %v", report, err)
	}
}

// TestPack_NothingOfADamagedOneIsStored flips bits everywhere.
func TestPack_NothingOfADamagedOneIsStored(t *testing.T) {
	a, _ := openWithState(t)
	b, dir := openWithState(t)
	fillStore(t, a, 3)
	saveState(t, a, stateQuery("", 2))
	data := packed(t, a)
	for at := 0; at < len(data); at += 7 {
		data[at] ^= 1 << (at % 8)
		_, err := unpack(t.Context(), b, data)
		data[at] ^= 1 << (at % 8)
		if !errors.Is(err, pack.ErrFormat) && !errors.Is(err, pack.ErrSignature) {
			t.Fatalf("byte %d of %d: %v", at, len(data), err)
		}
	}
	stats, err := b.Stats(t.Context())
	if err != nil || stats["cache.size"] != 0 || stats["kv.chunks"] != 0 {
		t.Errorf("size %v, chunks %v, %v", stats["cache.size"], stats["kv.chunks"], err)
	}
	if left, _ := blob.Temps(filepath.Join(dir, "kv")); len(left) > 0 {
		t.Errorf("files are left: %q", left)
	}
	if files, _ := blob.List(filepath.Join(dir, "kv")); len(files) > 0 {
		t.Errorf("%d chunks are there", len(files))
	}
}

func TestPack_OfAStoreWithoutStateGoesWithoutIt(t *testing.T) {
	a, _ := openWithState(t)
	fillStore(t, a, 3)
	saveState(t, a, stateQuery("", 1))
	b := openEngine(t, engine.Options{State: engine.StateOptions{Off: true}})
	out, err := unpack(t.Context(), b, packed(t, a))
	if err != nil || out.Added != 3 || out.Admitted != 0 || out.NoState == "" {
		t.Errorf("%+v, %v", out, err)
	}
	out, err = unpack(t.Context(), a, packed(t, b))
	if err != nil || out.Unchanged != 3 || out.Chunks != 0 {
		t.Errorf("%+v, %v", out, err)
	}
}

// TestPack_KeepsTheBudget admits no more state than fits.
func TestPack_KeepsTheBudget(t *testing.T) {
	a, _ := openWithState(t)
	fillStore(t, a, 1)
	saveState(t, a, stateQuery("", 3))
	b := openEngine(t, engine.Options{Dir: t.TempDir(), State: engine.StateOptions{MinPrefill: -1, MaxBytes: 1500}})
	out, err := unpack(t.Context(), b, packed(t, a))
	if err != nil || out.Chunks != 4 || out.Admitted != 2 {
		t.Errorf("%+v, %v", out, err)
	}
}
