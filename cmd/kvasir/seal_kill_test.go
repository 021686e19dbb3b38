//go:build linux && !llama && !race

package main

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/engine"
	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/blob"
	"github.com/kvasir-cache/kvasir/internal/seal"
)

const (
	sealEntries = 400
	sealChunks  = 12
)

// sealRig kills what seals a store, makes it plain, and gives it other keys.
type sealRig struct {
	t        *testing.T
	dir, key string // key is the letter of the key that the store has, empty where it is plain
	random   *rand.Rand
	usual    map[string]time.Duration
	killed   int
	halves   int // kills that left a store which only the same command opens
}

func (r *sealRig) store() string { return filepath.Join(r.dir, "snapshot", "llama_cache.db") }

// configure names a key in cache.toml, or none.
func (r *sealRig) configure(key string) {
	r.t.Helper()
	text := "[cache]\n"
	if key != "" {
		text += fmt.Sprintf("key_file = %q\n", filepath.Join(r.dir, key+".key"))
	}
	if err := os.WriteFile(filepath.Join(r.dir, "cache.toml"), []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// TestKills_SealAndBackLosesNothing kills kvasir seal, rekey, rekey --data and unseal at random moments on one store,
// which holds answers and saved state. After a kill the same command goes on, and then all is there, by the right key.
func TestKills_SealAndBackLosesNothing(t *testing.T) {
	rounds := numberIn(t, killsEnv, 36)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := &sealRig{t: t, dir: t.TempDir(), random: rand.New(rand.NewPCG(seed, 6)), usual: map[string]time.Duration{}}
	for _, letter := range []string{"a", "b"} {
		if err := os.WriteFile(filepath.Join(r.dir, letter+".key"), []byte(strings.Repeat(letter, 64)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r.fill()
	for n := 0; r.killed < rounds; n++ {
		if n > rounds {
			t.Fatalf("of %d commands only %d could be killed", 4*n, r.killed)
		}
		harmless := n == 0 // to see how long each takes
		r.round("seal", "a", harmless, "seal")
		r.round("rekey", "b", harmless, "rekey", "--new-key-file", filepath.Join(r.dir, "b.key"))
		r.round("rekey --data", "b", harmless, "rekey", "--data")
		r.round("unseal", "", harmless, "unseal")
	}
	t.Logf("%d kills, of which %d left a store on its way", r.killed, r.halves)
}

// fill stores answers by kvasir, and state as a host would.
func (r *sealRig) fill() {
	r.t.Helper()
	r.configure("")
	exportOf(r.t, filepath.Join(r.dir, "in.jsonl"), sealEntries)
	if text, err := quietKvasir(r.dir, "import", "in.jsonl", "--no-index").CombinedOutput(); err != nil {
		r.t.Fatalf("%v: %s", err, text)
	}
	e, err := engine.Open(engine.Options{Dir: r.store(), State: engine.StateOptions{MinPrefill: -1}})
	if err != nil {
		r.t.Fatal(err)
	}
	defer e.Close()
	tokens := make([]base.Token, 64*sealChunks+10)
	lease, err := e.Resume(r.t.Context(), &engine.StateQuery{State: engine.StateID{5}, Tokens: tokens})
	if err != nil {
		r.t.Fatal(err)
	}
	report, parent := &base.StateReport{Prefill: time.Second}, lease.Plan.Seed
	for from := 0; from < 64*sealChunks; from += 64 {
		c := base.SavedChunk{Parent: parent, From: from, Tokens: tokens[from : from+64], Origin: base.OriginPrefill, Cost: time.Second}
		c.Key = blob.NextKey(parent, c.Tokens)
		header := blob.Header{ID: lease.Plan.ID, Key: c.Key, From: from, Tokens: 64, Origin: c.Origin}
		if c.Temp, c.Bytes, err = blob.Write(lease.Plan.Dir, &lease.Plan.Secret, &header, bytes.Repeat([]byte{7}, 20_000)); err != nil {
			r.t.Fatal(err)
		}
		report.Saved, parent = append(report.Saved, c), c.Key
	}
	settled, err := e.Settle(r.t.Context(), lease.ID, report, true)
	if err != nil || settled.Saved != sealChunks {
		r.t.Fatalf("%+v, %v", settled, err)
	}
}

// round kills a command, lets it go on if need be, and checks that the store has the key that it is to have then.
func (r *sealRig) round(name, after string, harmless bool, args ...string) {
	r.t.Helper()
	r.configure(r.key)
	if r.key == "" {
		r.configure(after)
	}
	if !r.run(name, harmless, args) {
		r.goOn(name, after, args)
	}
	r.key = after
	r.verify(name)
}

// run reports whether the command ended by itself.
func (r *sealRig) run(name string, harmless bool, args []string) bool {
	r.t.Helper()
	var out bytes.Buffer
	cmd := quietKvasir(r.dir, args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	began := time.Now()
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	if !harmless {
		killer := time.AfterFunc(time.Duration(r.random.Int64N(int64(r.usual[name])+1)), func() { _ = cmd.Process.Kill() }) // any moment will do
		defer killer.Stop()
	}
	err := cmd.Wait()
	if err != nil && !cmd.ProcessState.Exited() {
		r.killed++
		return false
	}
	if err != nil {
		r.t.Fatalf("kvasir %q: %v: %s", args, err, &out)
	}
	if took := time.Since(began); harmless {
		r.usual[name] = took
	}
	return true
}

// goOn runs a command again that was killed. It may have done all before that, and then says so.
func (r *sealRig) goOn(name, after string, args []string) {
	r.t.Helper()
	e, err := engine.Open(engine.Options{Dir: r.store(), Key: r.keyOf(r.key)})
	if err == nil {
		err = e.Close()
	}
	if errors.Is(err, engine.ErrMoving) {
		r.halves++
	}
	text, err := quietKvasir(r.dir, args...).CombinedOutput()
	ended := map[string]string{"seal": "is sealed already", "unseal": "is not sealed", "rekey": "by another key"}[name]
	if err != nil && (ended == "" || !strings.Contains(string(text), ended)) {
		r.t.Fatalf("kvasir %q, killed and run again: %v: %s", args, err, text)
	}
}

func (r *sealRig) keyOf(letter string) *seal.Key {
	r.t.Helper()
	if letter == "" {
		return nil
	}
	key, err := seal.ParseKey(strings.Repeat(letter, 64))
	if err != nil {
		r.t.Fatal(err)
	}
	return key
}

// verify holds that every answer and every chunk is there.
func (r *sealRig) verify(name string) {
	r.t.Helper()
	report, err := engine.Check(r.t.Context(), engine.CheckOptions{Dir: r.store(), Key: r.keyOf(r.key)})
	if err != nil || report.Broken > 0 || report.Entries != sealEntries || report.Chunks != sealChunks {
		r.t.Fatalf("after %s: a check says %+v, %v", name, report, err)
	}
	r.configure(r.key)
	got, err := quietKvasir(r.dir, "export", "-").Output()
	want, errRead := os.ReadFile(filepath.Join(r.dir, "in.jsonl"))
	if err != nil || errRead != nil || !bytes.Equal(got, want) {
		r.t.Fatalf("after %s: %d bytes are exported, and %d were stored; %v, %v", name, len(got), len(want), err, errRead)
	}
}
