//go:build llama && linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/kvasir-cache/kvasir/engine"
	"github.com/kvasir-cache/kvasir/internal/atlas"
	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/blob"
	"github.com/kvasir-cache/kvasir/internal/fingerprint"
)

// savedChunk is a chunk file of a store, and what reading it has to ask for.
type savedChunk struct {
	path   string
	secret [32]byte
	header blob.Header
}

func (c *savedChunk) read() error {
	_, _, err := blob.Read(c.path, &c.secret, &c.header, nil)
	return err
}

// chunksOf returns the chunks that are restored for a prompt, in order.
func (r *stateRig) chunksOf(q *base.Request) (list []savedChunk) {
	r.t.Helper()
	info, err := r.host.Info(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	tokens := r.cold(q).PromptTokens
	l, err := r.Resume(r.t.Context(), &engine.StateQuery{State: fingerprint.StateID(info), Tokens: tokens})
	if err == nil {
		_, err = r.Engine.Settle(r.t.Context(), l.ID, nil, false)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	parent, from := blob.Key(l.Plan.Seed), 0
	for _, n := range l.Plan.Restore {
		key := blob.NextKey(parent, tokens[from:from+n])
		list = append(list, savedChunk{blob.Path(l.Plan.Dir, key), l.Plan.Secret, blob.Header{ID: l.Plan.ID, Key: key, From: from, Tokens: n}})
		parent, from = key, from+n
	}
	return list
}

// storeOfARun makes a store by kvasir runs, in which the state of a request is saved, and opens it.
func storeOfARun(t *testing.T, r *stateRig) (q *base.Request) {
	t.Helper()
	dir := t.TempDir()
	configure(t, dir, `min_prefill = "0"`)
	q = talk(instructions("damage"), atlas.Facts()[0].Prompt)
	if out, err := kvasirIn(dir, "run", "--system", q.Messages[0].Content, "-p", q.Messages[1].Content).CombinedOutput(); err != nil {
		t.Fatal(err, string(out))
	}
	r.open(dir, engine.StateOptions{MinPrefill: -1, Answers: engine.AnswersOff})
	t.Cleanup(r.close)
	return q
}

func edit(t *testing.T, path string, change func([]byte) []byte) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, change(content), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func flip(at int, bit byte) func([]byte) []byte {
	return func(b []byte) []byte { b[at] ^= bit; return b }
}

func resize(size int) func([]byte) []byte {
	return func(b []byte) []byte { return append(b, make([]byte, max(0, size-len(b)))...)[:size] }
}

// suffers damages one of a prompt's chunks and has it answered. The chunk is saved anew.
func (r *stateRig) suffers(q *base.Request, which int, damage func([]byte) []byte) {
	r.t.Helper()
	chunks := r.chunksOf(q)
	if len(chunks) < 3 {
		r.t.Fatalf("%d chunks are there, want 3 or more", len(chunks))
	}
	c, damaged := chunks[which%len(chunks)], r.stat("kv.damaged")
	edit(r.t, c.path, damage)
	why := c.read()
	restored, told := r.agrees(q), r.heard()
	if why == nil || restored != c.header.From || r.stat("kv.damaged") != damaged+1 || !strings.Contains(told, why.Error()) {
		r.t.Fatalf("at token %d, %v: %d tokens were restored, %d damaged chunks counted after %d, told was %q",
			c.header.From, why, restored, r.stat("kv.damaged"), damaged, told)
	}
}

// TestEndToEnd_DamagedStateIsNeverUsed damages the chunk files that kvasir saved, each byte of their header and more,
// and asks the real model: the state before the damage is used and none behind it, the answer is the cold one, and
// it is counted and told.
func TestEndToEnd_DamagedStateIsNeverUsed(t *testing.T) {
	r := newStateRig(t, startHost(t, base.LoadOptions{Parallel: 1}))
	q := storeOfARun(t, r)
	random := rand.New(rand.NewPCG(1, 5))
	for place := range blob.HeaderSize {
		r.suffers(q, place, flip(place, 1<<random.IntN(8)))
	}
	for i := range 72 {
		r.suffers(q, i, func(b []byte) []byte {
			return flip(blob.HeaderSize+random.IntN(len(b)-blob.HeaderSize), 1<<random.IntN(8))(b)
		})
	}
	for i, size := range []func(whole int) int{
		func(int) int { return 0 }, func(int) int { return 1 }, func(int) int { return blob.HeaderSize - 1 },
		func(int) int { return blob.HeaderSize }, func(n int) int { return n / 2 }, func(n int) int { return n - 1 },
		func(n int) int { return n + 1 }, func(n int) int { return 2 * n },
	} {
		r.suffers(q, i, func(b []byte) []byte { return resize(size(len(b)))(b) })
	}
	if deaths := r.host.Status().Deaths; deaths > 0 {
		t.Errorf("the host died %d times", deaths)
	}
}

// TestEndToEnd_NoFlippedByteIsRead flips bytes of real chunk files, one after the other, where reading them is all that
// is done: each of the header, and 10,000 of the payloads.
func TestEndToEnd_NoFlippedByteIsRead(t *testing.T) {
	r := newStateRig(t, startHost(t, base.LoadOptions{Parallel: 1}))
	chunks := r.chunksOf(storeOfARun(t, r))
	random := rand.New(rand.NewPCG(1, 6))
	try := func(c *savedChunk, at int64) {
		file, err := os.OpenFile(c.path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		var was [1]byte
		_, err = file.ReadAt(was[:], at)
		if err == nil {
			_, err = file.WriteAt([]byte{was[0] ^ 1<<random.IntN(8)}, at)
		}
		if got := c.read(); err != nil || !errors.Is(got, blob.ErrDamaged) {
			t.Errorf("byte %d of %s: %v, reading it gave %v, want ErrDamaged", at, c.path, err, got)
		}
		if _, err := file.WriteAt(was[:], at); err != nil {
			t.Fatal(err)
		}
	}
	for i := range chunks {
		info, err := os.Stat(chunks[i].path)
		if err != nil {
			t.Fatal(err)
		}
		for at := range int64(blob.HeaderSize) {
			try(&chunks[i], at)
		}
		for range 10_000/len(chunks) + 1 {
			try(&chunks[i], blob.HeaderSize+random.Int64N(info.Size()-blob.HeaderSize))
		}
		if err := chunks[i].read(); err != nil {
			t.Errorf("the sound file is not read: %v", err)
		}
	}
}

// anotherModel returns a copy of atlas with one weight changed, a model of the same shape.
func anotherModel(t *testing.T) string {
	t.Helper()
	path, err := atlas.Extract(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	content[len(content)-100] ^= 1
	other := filepath.Join(t.TempDir(), "other.gguf")
	if err := os.WriteFile(other, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return other
}

// stateStats returns metrics as kvasir stats prints them.
func stateStats(t *testing.T, dir string) (stats map[string]float64) {
	t.Helper()
	if err := inJSON(kvasirIn(dir, "stats", "--json"), &stats); err != nil {
		t.Fatal(err)
	}
	return stats
}

// TestEndToEnd_DamageIsAMissThatSaysWhy damages the state of a store in every way there is between two runs of kvasir.
func TestEndToEnd_DamageIsAMissThatSaysWhy(t *testing.T) {
	other := anotherModel(t)
	for _, c := range []struct {
		name    string
		damage  func(*testing.T, []savedChunk)
		counted string
		before  int // tokens before the damage
	}{
		{"half", func(t *testing.T, chunks []savedChunk) { edit(t, chunks[1].path, resize(1000)) }, "kv.damaged", 64},
		{"flipped", func(t *testing.T, chunks []savedChunk) { edit(t, chunks[0].path, flip(5000, 4)) }, "kv.damaged", 0},
		{"swapped", func(t *testing.T, chunks []savedChunk) {
			if err := errors.Join(os.Rename(chunks[0].path, chunks[0].path+".x"), os.Rename(chunks[1].path, chunks[0].path),
				os.Rename(chunks[0].path+".x", chunks[1].path)); err != nil {
				t.Fatal(err)
			}
		}, "kv.damaged", 0},
		{"a folder", func(t *testing.T, chunks []savedChunk) {
			if err := errors.Join(os.Remove(chunks[1].path), os.Mkdir(chunks[1].path, 0o700)); err != nil {
				t.Fatal(err)
			}
		}, "", 64},
		{"gone", func(t *testing.T, chunks []savedChunk) {
			if err := os.Remove(chunks[1].path); err != nil {
				t.Fatal(err)
			}
		}, "kv.lost", 64},
	} {
		t.Run(c.name, func(t *testing.T) { damageBetweenRuns(t, c.damage, c.counted, c.before) })
	}
	t.Run("another model's", func(t *testing.T) {
		damageBetweenRuns(t, func(t *testing.T, chunks []savedChunk) {
			theirs := chunkOfAnother(t, other, chunks[0])
			edit(t, chunks[0].path, func([]byte) []byte { return theirs })
		}, "kv.damaged", 0)
	})
}

// chunkOfAnother returns the file that another model's run on the same store saved for the same tokens as c.
func chunkOfAnother(t *testing.T, model string, c savedChunk) []byte {
	t.Helper()
	dir := filepath.Dir(filepath.Dir(filepath.Dir(filepath.Dir(filepath.Dir(c.path))))) // dir/snapshot/llama_cache.db/kv/xx/key.kv
	before, err := blob.List(filepath.Join(storeIn(dir), "kv"))
	if err != nil {
		t.Fatal(err)
	}
	if out, err := kvasirIn(dir, "run", "-m", model, "--system", instructions("damage"), "-p", "Hello").CombinedOutput(); err != nil {
		t.Fatal(err, string(out))
	}
	after, err := blob.List(filepath.Join(storeIn(dir), "kv"))
	if err != nil {
		t.Fatal(err)
	}
	for key := range after {
		content, err := os.ReadFile(blob.Path(filepath.Join(storeIn(dir), "kv"), key))
		if err != nil {
			t.Fatal(err)
		}
		own, _ := os.ReadFile(c.path)
		if !before[key] && len(content) == len(own) && bytes.Equal(content[16:24], own[16:24]) { // position and tokens
			return content
		}
	}
	t.Fatal("the other model saved no such chunk")
	return nil
}

func damageBetweenRuns(t *testing.T, damage func(*testing.T, []savedChunk), counted string, before int) {
	dir := t.TempDir()
	configure(t, dir, `min_prefill = "0"`, `answers = "off"`)
	system, facts := instructions("damage"), atlas.Facts()
	run := func(prompt string, more ...string) (got runOutput) {
		t.Helper()
		args := append([]string{"run", "--json", "--system", system, "-p", prompt}, more...)
		if err := inJSON(kvasirIn(dir, args...), &got); err != nil {
			t.Fatal(err)
		}
		return got
	}
	run(facts[0].Prompt)
	cold := run(facts[1].Prompt, "--cache-persist=off")
	damage(t, chunksIn(t, dir, talk(system, facts[0].Prompt)))
	stats := stateStats(t, dir)
	got := run(facts[1].Prompt)
	if got.Answer != cold.Answer || got.Resume == nil || got.Resume.Restored != before || got.Resume.Reason == "" {
		t.Errorf("got %q, want %q; %+v, want %d tokens restored and a reason", got.Answer, cold.Answer, got.Resume, before)
	}
	// A sweep at the start may have found it before the run did.
	after := stateStats(t, dir)
	if counted != "" && after[counted] < 1 || after["kv.damaged"]+after["kv.lost"] < 1 {
		t.Errorf("it is not counted: %v damaged, %v lost, before %v and %v", after["kv.damaged"], after["kv.lost"], stats["kv.damaged"], stats["kv.lost"])
	}
	if again := run(facts[2].Prompt); again.Resume == nil || again.Resume.Restored < 128 && counted != "" {
		t.Errorf("it was not saved anew: %+v", again.Resume)
	}
}

// chunksIn returns the chunks of a request in the store of a folder.
func chunksIn(t *testing.T, dir string, q *base.Request) []savedChunk {
	t.Helper()
	r := newStateRig(t, startHost(t, base.LoadOptions{Parallel: 1}))
	defer r.host.Close()
	r.open(dir, engine.StateOptions{MinPrefill: -1, Answers: engine.AnswersOff})
	defer r.close()
	return r.chunksOf(q)
}

// mounted puts a file system of a size at path, or skips the test where that is not allowed.
func mounted(t *testing.T, path string, size int) {
	t.Helper()
	if err := os.MkdirAll(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", path, "tmpfs", 0, fmt.Sprintf("size=%d", size)); err != nil {
		t.Skipf("a small file system cannot be mounted here, which takes root: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(path, syscall.MNT_DETACH) })
}

// TestEndToEnd_AFullDiskCostsNoAnswer gives saved state a disk with room for two chunks of many.
func TestEndToEnd_AFullDiskCostsNoAnswer(t *testing.T) {
	dir := t.TempDir()
	kv := filepath.Join(dir, "disk")
	mounted(t, kv, 200<<10)
	configure(t, dir, `min_prefill = "0"`, `dir = "disk"`)
	system := instructions("full")
	for i, fact := range atlas.Facts()[:3] {
		var cold, got runOutput
		if err := errors.Join(inJSON(kvasirIn(dir, "run", "--json", "--cache-persist=off", "--system", system, "-p", fact.Prompt), &cold),
			inJSON(kvasirIn(dir, "run", "--json", "--system", system, "-p", fact.Prompt), &got)); err != nil {
			t.Fatal(err)
		}
		if got.Answer != cold.Answer || got.Resume == nil || got.Resume.Reason == "" {
			t.Errorf("run %d: %q, want %q; %+v", i, got.Answer, cold.Answer, got.Resume)
		}
	}
	stats := stateStats(t, dir)
	if stats["kv.save_failures"] == 0 || stats["kv.damaged"] > 0 {
		t.Errorf("%v failures to save are counted, %v damaged", stats["kv.save_failures"], stats["kv.damaged"])
	}
	if temps, err := blob.Temps(kv); err != nil || len(temps) > 0 {
		t.Errorf("unfinished files are left on the full disk: %q, %v", temps, err)
	}
}

// TestEndToEnd_AReadOnlyFolderCostsNoAnswer has saved state read from where nothing can be written, and damaged there.
func TestEndToEnd_AReadOnlyFolderCostsNoAnswer(t *testing.T) {
	dir := t.TempDir()
	kv := filepath.Join(dir, "disk")
	mounted(t, kv, 8<<20)
	configure(t, dir, `min_prefill = "0"`, `answers = "off"`, `dir = "disk"`)
	system, facts := instructions("read-only"), atlas.Facts()
	run := func(prompt string) (got runOutput) {
		t.Helper()
		if err := inJSON(kvasirIn(dir, "run", "--json", "--system", system, "-p", prompt), &got); err != nil {
			t.Fatal(err)
		}
		return got
	}
	remount := func(flags uintptr) {
		t.Helper()
		if err := syscall.Mount("", kv, "", syscall.MS_REMOUNT|flags, ""); err != nil {
			t.Skipf("it cannot be made read-only: %v", err)
		}
	}
	run(facts[0].Prompt)
	remount(syscall.MS_RDONLY)
	if got := run(facts[1].Prompt); got.Resume == nil || got.Resume.Restored == 0 {
		t.Errorf("what is stored was not restored: %+v", got.Resume)
	}
	if stats := stateStats(t, dir); stats["kv.save_failures"] == 0 {
		t.Error("that nothing could be saved is not counted")
	}
	remount(0)
	paths, err := filepath.Glob(filepath.Join(kv, "??", "*.kv"))
	if err != nil || len(paths) == 0 {
		t.Fatal(paths, err)
	}
	for _, path := range paths {
		edit(t, path, flip(3000, 1))
	}
	remount(syscall.MS_RDONLY)
	var cold runOutput
	if err := inJSON(kvasirIn(dir, "run", "--json", "--cache-persist=off", "--system", system, "-p", facts[2].Prompt), &cold); err != nil {
		t.Fatal(err)
	}
	if got := run(facts[2].Prompt); got.Answer != cold.Answer || got.Resume == nil || got.Resume.Restored != 0 || got.Resume.Reason == "" {
		t.Errorf("damaged: %q, want %q; %+v", got.Answer, cold.Answer, got.Resume)
	}
	if stats := stateStats(t, dir); stats["kv.damaged"] == 0 {
		t.Error("damage that cannot be put aside is not counted")
	}
}
