package engine

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/blob"
	"github.com/kvasir-cache/kvasir/internal/hosttest"
)

// pathsOf returns the paths of the chunk files of a prompt, in order.
func (r *rig) pathsOf(prompt string) (paths []string) {
	r.tb.Helper()
	l := r.lease(StateQuery{Tokens: hosttest.Tokens(prompt, true)})
	tokens := hosttest.Tokens(prompt, true)
	for _, key := range keysOfChunks(blob.Key(l.Plan.Seed), tokens[:len(tokens)/64*64]) {
		if path := blob.Path(l.Plan.Dir, key); exists(path) {
			paths = append(paths, path)
		}
	}
	return paths
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// Whatever is done to a file: its state is not used, nor is that of what follows it, the answer comes, and it is
// counted, put aside and saved anew.
func TestState_DamageIsNeverUsed(t *testing.T) {
	prompt := words(257, 257, "") // four chunks and two tokens
	r := newRig(t, Options{Dir: t.TempDir(), State: StateOptions{MinPrefill: -1, Answers: AnswersOff}})
	a := r.ask(prompt)
	paths := r.pathsOf(prompt)
	if len(paths) != 4 {
		t.Fatalf("%d chunks are there, want 4", len(paths))
	}
	sound := map[string][]byte{}
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		sound[path] = content
	}
	other := newRig(t, Options{Dir: t.TempDir(), State: StateOptions{MinPrefill: -1}})
	other.ask(prompt)
	foreign, err := os.ReadFile(other.pathsOf(prompt)[0])
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	damages := map[string]func(at int) []byte{
		"another store's": func(int) []byte { return foreign },
		"empty":           func(int) []byte { return nil },
		"another chunk":   func(at int) []byte { return sound[paths[(at+1)%len(paths)]] },
	}
	for range 4 {
		size, flip := random.IntN(len(sound[paths[0]])), random.IntN(len(sound[paths[0]]))
		damages[fmt.Sprint("cut to ", size)] = func(at int) []byte { return sound[paths[at]][:size] }
		damages[fmt.Sprint("flipped at ", flip)] = func(at int) []byte {
			broken := bytes.Clone(sound[paths[at]])
			broken[flip] ^= 1 << random.IntN(8)
			return broken
		}
	}
	for name, damage := range damages {
		at, damaged, bad := random.IntN(len(paths)), r.stat("kv.damaged"), r.host.bad.Load()
		content := damage(at)
		if err := os.WriteFile(paths[at], content, 0o600); err != nil {
			t.Fatal(err)
		}
		got := r.ask(prompt + fmt.Sprint(" and ", name))
		if got.Resume.Restored != 64*at {
			t.Errorf("%s, chunk %d: %d tokens were restored", name, at, got.Resume.Restored)
		}
		if r.stat("kv.damaged") != damaged+1 || r.host.bad.Load() != bad+1 {
			t.Errorf("%s: %d damaged chunks are counted, want one more than %d", name, r.stat("kv.damaged"), damaged)
		}
		if _, err := os.Stat(filepath.Join(filepath.Dir(filepath.Dir(paths[at])), "quarantine", filepath.Base(paths[at]))); err != nil {
			t.Errorf("%s: the file is not in quarantine: %v", name, err)
		}
		if now, err := os.ReadFile(paths[at]); err != nil || len(now) != len(sound[paths[at]]) {
			t.Errorf("%s: the chunk was not saved anew: %v", name, err)
		}
		if again := r.ask(prompt + fmt.Sprint(" or ", name)); again.Resume.Restored < 256 {
			t.Errorf("%s: %d tokens are restored afterwards", name, again.Resume.Restored)
		}
	}
	if a.Result.Text != hosttest.Answer(prompt) {
		t.Errorf("the answer is %q", a.Result.Text)
	}
	checkFiles(t, r.engine)
}

// State of another model, build or machine is not found, and does not take if it is put in the place of ours.
func TestState_OfAnotherIdentityIsNotFound(t *testing.T) {
	prompt := words(100, 100, "")
	r := newRig(t, Options{Dir: t.TempDir(), State: StateOptions{Answers: AnswersOff}})
	r.ask(prompt)
	info, err := r.host.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	info.Runtime.CPUFeatures = append(info.Runtime.CPUFeatures, "amx")
	other := &rig{tb: t, engine: r.engine, host: r.host, Resumer: NewResumer(r.engine, r.host, info, nil)}
	defer other.Close()
	if a := other.ask(words(100, 90, "x")); a.Resume.Restored != 0 || a.Resume.Reason != "nothing stored begins like this" {
		t.Errorf("got %+v", a.Resume)
	}
	theirs, ours := other.pathsOf(words(100, 90, "x"))[0], r.pathsOf(prompt)[0]
	content, err := os.ReadFile(theirs)
	if err == nil {
		err = os.WriteFile(ours, content, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if a := r.ask(words(100, 90, "y")); a.Resume.Restored != 0 || r.stat("kv.damaged") != 1 {
		t.Errorf("got %+v, %d damaged", a.Resume, r.stat("kv.damaged"))
	}
}

func TestState_FilesThatAreGone(t *testing.T) {
	prompt, dir := words(200, 200, ""), t.TempDir()
	o := Options{Dir: dir, State: StateOptions{MinPrefill: -1, Answers: AnswersOff}}
	r := newRig(t, o)
	r.ask(prompt)
	if err := os.Remove(r.pathsOf(prompt)[1]); err != nil {
		t.Fatal(err)
	}
	if a := r.ask(prompt + " a"); a.Resume.Restored != 64 || r.stat("kv.lost") != 1 {
		t.Errorf("one file gone: %+v, %d lost", a.Resume, r.stat("kv.lost"))
	}
	if a := r.ask(prompt + " b"); a.Resume.Restored < 192 {
		t.Errorf("after that: %+v", a.Resume)
	}
	if err := errors.Join(r.Close(), r.engine.Close(), os.RemoveAll(filepath.Join(dir, "kv"))); err != nil {
		t.Fatal(err)
	}
	r = newRig(t, o)
	waitFor(t, func() bool { return r.stat("kv.size") == 0 })
	if a := r.ask(prompt + " c"); a.Resume.Restored != 0 {
		t.Errorf("all files gone: %+v", a.Resume)
	}
	if a := r.ask(prompt + " d"); a.Resume.Restored < 192 {
		t.Errorf("after that: %+v", a.Resume)
	}
	checkFiles(t, r.engine)
}

// A folder that takes no files costs nobody an answer.
func TestState_ADiskThatTakesNothing(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var failed []string
	r := newRig(t, Options{Dir: dir, State: StateOptions{Dir: filepath.Join(dir, "kv")}, Events: EventListener{
		Failed: func(f FailureInfo) { failed = append(failed, f.During+": "+f.Err.Error()) },
	}})
	if err := os.WriteFile(filepath.Join(dir, "kv"), nil, 0o600); err != nil { // where the folder is to be
		t.Fatal(err)
	}
	for n := range 3 {
		if a := r.ask(words(100, 0, fmt.Sprint("x", n, "y"))); a.Action != base.ActionMiss {
			t.Errorf("got %+v", a.Decision)
		}
	}
	if r.stat("kv.save_failures") < 3 || len(failed) < 3 || r.stat("kv.size") != 0 {
		t.Errorf("%d failures are counted, told were %q", r.stat("kv.save_failures"), failed)
	}
	// And one that takes files, but not where they belong.
	if err := errors.Join(os.Remove(filepath.Join(dir, "kv")), os.Mkdir(filepath.Join(dir, "kv"), 0o700)); err != nil {
		t.Fatal(err)
	}
	for n := range 256 {
		if err := os.WriteFile(filepath.Join(dir, "kv", fmt.Sprintf("%02x", n)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	before := r.stat("kv.save_failures")
	r.ask(words(100, 0, "z"))
	if r.stat("kv.save_failures") != before+1 || r.stat("kv.size") != 0 {
		t.Errorf("%d failures, want one more than %d", r.stat("kv.save_failures"), before)
	}
	checkFiles(t, r.engine)
}

// What a crash may leave is swept.
func TestState_LeftoversAreSwept(t *testing.T) {
	dir := t.TempDir()
	o := Options{Dir: dir, State: StateOptions{MinPrefill: -1, Answers: AnswersOff}}
	r := newRig(t, o)
	r.ask(words(200, 200, ""))
	kept := r.stat("kv.size")
	if err := errors.Join(r.Close(), r.engine.Close()); err != nil {
		t.Fatal(err)
	}
	kv := filepath.Join(dir, "kv")
	orphan := blob.Path(kv, blob.Key{0xfe, 0xed})
	foreign := filepath.Join(kv, "notes.txt")
	for _, path := range []string{orphan, foreign, filepath.Join(kv, "new-77")} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte("x"), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	r = newRig(t, o)
	waitFor(t, func() bool { return r.stat("kv.orphans") == 1 && r.stat("kv.leftovers") == 1 })
	if exists(orphan) || exists(filepath.Join(kv, "new-77")) || !exists(foreign) || r.stat("kv.size") != kept {
		t.Error("what was swept is not what had to be")
	}
	checkFiles(t, r.engine)
}

// A host that says what cannot be is not believed.
func TestSettle_RefusesWhatCannotBe(t *testing.T) {
	r := newRig(t, Options{Dir: t.TempDir(), State: StateOptions{MinPrefill: -1}})
	tokens := hosttest.Tokens(words(200, 200, ""), true)
	outside := filepath.Join(t.TempDir(), "new-1")
	if err := os.WriteFile(outside, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(c *base.SavedChunk){
		"key":     func(c *base.SavedChunk) { c.Key[0]++ },
		"parent":  func(c *base.SavedChunk) { c.Parent = blob.Key{1}; c.Key = blob.NextKey(c.Parent, c.Tokens) },
		"from":    func(c *base.SavedChunk) { c.From = 64 },
		"tokens":  func(c *base.SavedChunk) { c.Tokens = tokens[:65]; c.Key = blob.NextKey(c.Parent, c.Tokens) },
		"origin":  func(c *base.SavedChunk) { c.Origin = "guess" },
		"bytes":   func(c *base.SavedChunk) { c.Bytes = -1 },
		"cost":    func(c *base.SavedChunk) { c.Cost = -1 },
		"outside": func(c *base.SavedChunk) { c.Temp = outside },
	} {
		l, err := r.engine.Resume(t.Context(), &StateQuery{State: r.state, Tokens: tokens})
		if err != nil {
			t.Fatal(err)
		}
		report := &base.StateReport{}
		r.host.saveChunk(l.Plan.Seed, tokens[:64], 0, base.OriginPrefill, &l.Plan, report)
		change(&report.Saved[0])
		if settled, err := r.engine.Settle(t.Context(), l.ID, report, true); err != nil || settled.Saved != 0 {
			t.Errorf("%s: settled %+v, %v", name, settled, err)
		}
	}
	if !exists(outside) {
		t.Error("a file outside was removed")
	}
	if temps, _ := blob.Temps(r.engine.states.dir); len(temps) > 1 { // the one that a report did not name
		t.Errorf("%d temporary files are left", len(temps))
	}
	if _, err := os.ReadDir(filepath.Join(r.engine.states.dir, "quarantine")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("something is in quarantine: %v", err)
	}
}
