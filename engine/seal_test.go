package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/hostapi"
	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/blob"
	"github.com/kvasir-cache/kvasir/internal/seal"
	"github.com/kvasir-cache/kvasir/internal/store"
)

func sealKey(t testing.TB, digit string) *seal.Key {
	t.Helper()
	key, err := seal.ParseKey(strings.Repeat(digit, 64))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// What of a request must be nowhere. Pebble compresses, so the words are short and each stands alone somewhere.
var confidential = []string{"Hávamál", "Yggdrasil", "Draupnir", "Gullinbursti", "Mímisbrunnr"}

func confidentialOptions(dir string, key *seal.Key) Options {
	return Options{
		Dir: dir, Key: key, FlushInterval: time.Millisecond, State: StateOptions{MinPrefill: -1, Answers: AnswersOff},
		Hooks: only(hostapi.RoleOnStore, func(*hostapi.Event) hostapi.Decision {
			return hostapi.Decision{Tags: []string{confidential[3]}}
		}),
	}
}

func confidentialQuery() *Query {
	q := ask("What does " + confidential[0] + " say?")
	q.Topic, q.Tenant = confidential[1], confidential[2]
	return q
}

// writeConfidential stores an answer, and state of a prompt.
func writeConfidential(t testing.TB, o Options) (r *rig) {
	t.Helper()
	r = newRig(t, o)
	remember(t, r.engine, confidentialQuery(), "It says "+confidential[4])
	r.ask(words(200, 0, "Sleipnir"))
	return r
}

func wantConfidential(t testing.TB, when string, o Options) {
	t.Helper()
	r := newRig(t, o)
	if found := look(t, r.engine, confidentialQuery()); found.Action != base.ActionAnswer || found.Result.Text != "It says "+confidential[4] {
		t.Errorf("%s: got %+v, want the answer", when, found.Decision)
	}
	waitFor(t, r.engine.states.swept)
	checkFiles(t, r.engine)
	before := r.stat("kv.restored_tokens")
	r.ask(strings.Replace(words(200, 0, "Sleipnir"), "Sleipnir150", when, 1))
	if restored := r.stat("kv.restored_tokens") - before; restored != 128 || r.host.bad.Load() > 0 {
		t.Errorf("%s: %d tokens were restored, %d chunks are bad", when, restored, r.host.bad.Load())
	}
	closeRig(t, r)
}

func closeRig(t testing.TB, r *rig) {
	t.Helper()
	if err := errors.Join(r.Close(), r.engine.Close()); err != nil {
		t.Fatal(err)
	}
}

// wantHidden looks for texts, for the state of chunks and for the tokens of prompts in all files.
func wantHidden(t *testing.T, when, dir string, r *rig) {
	t.Helper()
	secrets := append([]string{"Sleipnir", "Hnikarr"}, confidential...)
	for key := range r.engine.states.mu.chunks.byKey {
		secrets = append(secrets, string(r.host.stateOf(key, 3)))
	}
	for name, content := range contents(t, dir) {
		for _, secret := range secrets {
			if strings.Contains(content, secret) {
				t.Errorf("%s: %q is in %s", when, secret, name)
			}
		}
	}
}

func TestSealed_NothingOfARequestIsInAnyFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "db")
	o := confidentialOptions(dir, sealKey(t, "a"))
	r := writeConfidential(t, o)
	wantHidden(t, "while it is open, or after a kill", dir, r)
	closeRig(t, r)
	wantHidden(t, "closed", dir, r)
	if p := Peek(altered(o, func(o *Options) { o.Hooks = nil }), confidentialQuery()); p == nil {
		t.Error("Peek sees nothing")
	}
	wantConfidential(t, "opened again", o)
	wantHidden(t, "after all", dir, r)
	if _, err := os.Stat(filepath.Join(dir, "secret")); err == nil {
		t.Error("there is a secret in the open")
	}

	// The test can fail.
	plain := filepath.Join(t.TempDir(), "db")
	r = writeConfidential(t, confidentialOptions(plain, nil))
	found := map[string]bool{}
	for _, content := range contents(t, plain) {
		for _, secret := range confidential {
			found[secret] = found[secret] || strings.Contains(content, secret)
		}
	}
	if len(found) != len(confidential) || !found[confidential[0]] || !found[confidential[2]] {
		t.Errorf("in a store that is plain, of the texts are found: %v", found)
	}
	closeRig(t, r)
}

func TestSealed_TenantsCannotReadEachOthersState(t *testing.T) {
	e := openEngine(t, Options{Dir: filepath.Join(t.TempDir(), "db"), Key: sealKey(t, "a")})
	secrets := map[[32]byte]string{}
	for _, tenant := range []string{"a", "b", ""} {
		lease, err := e.Resume(t.Context(), &StateQuery{Tenant: tenant, Tokens: make([]base.Token, 100)})
		if err != nil || !lease.Plan.Sealed {
			t.Fatalf("tenant %q: got %+v, %v, want a plan that seals", tenant, lease, err)
		}
		if other, shared := secrets[lease.Plan.Secret]; shared {
			t.Errorf("tenants %q and %q have one secret", tenant, other)
		}
		secrets[lease.Plan.Secret] = tenant
	}
}

// A host that writes its files in the open, as one that is older, has nothing kept.
func TestSealed_KeepsNoStateThatIsInTheOpen(t *testing.T) {
	e := openEngine(t, Options{Dir: filepath.Join(t.TempDir(), "db"), Key: sealKey(t, "a"), State: StateOptions{MinPrefill: -1}})
	tokens := make([]base.Token, 100)
	lease, err := e.Resume(t.Context(), &StateQuery{Tokens: tokens})
	if err != nil {
		t.Fatal(err)
	}
	p := lease.Plan
	c := base.SavedChunk{Key: blob.NextKey(p.Seed, tokens[:64]), Parent: p.Seed, Tokens: tokens[:64], Origin: base.OriginPrefill, Cost: time.Second}
	header := blob.Header{ID: p.ID, Key: c.Key, Tokens: 64, Origin: c.Origin}
	if c.Temp, c.Bytes, err = blob.Write(p.Dir, &p.Secret, &header, []byte("in the open")); err != nil {
		t.Fatal(err)
	}
	settled, err := e.Settle(t.Context(), lease.ID, &base.StateReport{Prefill: time.Second, Saved: []base.SavedChunk{c}}, true)
	if err != nil || settled.Saved != 0 {
		t.Errorf("got %+v, %v, want nothing saved", settled, err)
	}
	if files := contents(t, p.Dir); len(files) > 0 {
		t.Errorf("%d files are left", len(files))
	}
}

func TestReseal_ThereAndBack(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "db")
	key := sealKey(t, "a")
	plain, sealed := confidentialOptions(dir, nil), confidentialOptions(dir, key)
	r := writeConfidential(t, plain)
	closeRig(t, r)
	quarantined := filepath.Join(dir, "kv", "quarantine")
	if err := errors.Join(os.Mkdir(quarantined, 0o700), os.WriteFile(filepath.Join(quarantined, "x"), []byte("Hnikarr"), 0o600),
		os.WriteFile(filepath.Join(dir, "kv", "new-1"), []byte("Hnikarr"), 0o600)); err != nil {
		t.Fatal(err)
	}
	done := reseal(t, sealed, GoalSealed)
	if done.Chunks != 4 || done.Records < 10 || done.Lost != 0 {
		t.Errorf("sealed: %+v, want 4 chunks and all records", done)
	}
	wantHidden(t, "sealed", dir, r)
	if _, err := Open(plain); !errors.Is(err, ErrSealed) {
		t.Errorf("without a key: got %v, want ErrSealed", err)
	}
	wantConfidential(t, "sealed", sealed)

	before := contents(t, dir)
	if done := reseal(t, sealed, GoalRenewed); done.Chunks < 4 || done.Lost != 0 {
		t.Errorf("renewed: %+v", done)
	}
	for name, content := range contents(t, dir) {
		if strings.HasSuffix(name, ".kv") && before[name] == content {
			t.Errorf("%s is as it was", name)
		}
	}
	wantHidden(t, "renewed", dir, r)
	wantConfidential(t, "renewed", sealed)

	reseal(t, sealed, GoalPlain)
	if _, err := Open(sealed); !errors.Is(err, ErrPlain) {
		t.Errorf("with a key: got %v, want ErrPlain", err)
	}
	wantConfidential(t, "plain again", plain)
	for name := range contents(t, dir) {
		if strings.HasPrefix(name, "keyring") && name != "keyring.lock" {
			t.Errorf("%s is left", name)
		}
	}
}

func reseal(t testing.TB, o Options, goal Goal) *Resealed {
	t.Helper()
	done, err := Reseal(t.Context(), o, goal, func(string, int) {})
	if err != nil {
		t.Fatal(err)
	}
	return done
}

// Wherever it is stopped: the store is refused until it goes on, and then everything is there.
func TestReseal_GoesOnWhereItStopped(t *testing.T) {
	for _, c := range []struct {
		goal          Goal
		before, after string
	}{{GoalSealed, "", "a"}, {GoalRenewed, "a", "a"}, {GoalPlain, "a", ""}} {
		for stop := 1; ; stop++ {
			dir := filepath.Join(t.TempDir(), "db")
			closeRig(t, writeConfidential(t, confidentialOptions(dir, keyOrNone(t, c.before))))
			ctx, cancel := context.WithCancel(t.Context())
			steps := 0
			_, err := Reseal(ctx, confidentialOptions(dir, sealKey(t, "a")), c.goal, func(string, int) {
				if steps++; steps == stop {
					cancel()
				}
			})
			cancel()
			if err == nil {
				break
			}
			if _, err := Open(confidentialOptions(dir, sealKey(t, "a"))); !errors.Is(err, ErrMoving) {
				t.Fatalf("goal %d, step %d: got %v, want ErrMoving", c.goal, stop, err)
			}
			reseal(t, confidentialOptions(dir, sealKey(t, "a")), c.goal)
			wantConfidential(t, fmt.Sprintf("goal %d, step %d", c.goal, stop), confidentialOptions(dir, keyOrNone(t, c.after)))
		}
	}
}

func keyOrNone(t testing.TB, digit string) *seal.Key {
	t.Helper()
	if digit == "" {
		return nil
	}
	return sealKey(t, digit)
}

// State that is damaged, or that no record knows, goes; all else stays.
func TestReseal_LeavesOutStateThatIsDamaged(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "db")
	closeRig(t, writeConfidential(t, confidentialOptions(dir, nil)))
	files, err := filepath.Glob(filepath.Join(dir, "kv", "??", "*.kv"))
	if err != nil || len(files) != 4 {
		t.Fatal(files, err)
	}
	content, err := os.ReadFile(files[0])
	if err == nil {
		content = bytes.Clone(content)
		content[len(content)-1] ^= 1
		err = os.WriteFile(files[0], content, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	sealed := confidentialOptions(dir, sealKey(t, "a"))
	if done := reseal(t, sealed, GoalSealed); done.Chunks != 3 || done.Lost != 1 {
		t.Errorf("got %+v, want 3 chunks, and one lost", done)
	}
	r := newRig(t, sealed)
	waitFor(t, r.engine.states.swept)
	checkFiles(t, r.engine)
	closeRig(t, r)
}

// A run that was killed when all records were sealed has left tables in the open. They are gone before the store says that
// it is sealed, so the run that goes on does not settle in its first pass.
func TestReseal_IsNotDoneInThePassThatPurges(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "db")
	closeRig(t, writeConfidential(t, confidentialOptions(dir, nil)))
	m, err := store.OpenMover(store.Options{Dir: dir, Key: sealKey(t, "a")}, GoalSealed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Rewrite(t.Context(), func(store.Row) uint32 { return 0 }, func(int) {}); err != nil {
		t.Fatal(err)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	passes := 0
	if _, err := Reseal(t.Context(), confidentialOptions(dir, sealKey(t, "a")), GoalSealed, func(what string, _ int) {
		if what == "records" {
			passes++
		}
	}); err != nil || passes < 2 {
		t.Errorf("%d passes, %v; want the records read again after the old tables went", passes, err)
	}
}

// Renewing keys takes nothing for the store's own that was not sealed before.
func TestReseal_RenewsNoSaltsThatAreInTheOpen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "db")
	o := confidentialOptions(dir, sealKey(t, "a"))
	closeRig(t, writeConfidential(t, o))
	planted := "kvasir salts 1\n\"\" " + strings.Repeat("5a", 32) + "\nend\n"
	if err := os.WriteFile(filepath.Join(dir, "salts"), []byte(planted), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Reseal(t.Context(), o, GoalRenewed, func(string, int) {})
	if err == nil || !strings.Contains(err.Error(), "salts") {
		t.Errorf("got %v, want the salts refused", err)
	}
}

func TestCheck_OfASealedStoreFindsWhatIsBrokenAndNothingElse(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "db")
	o := confidentialOptions(dir, sealKey(t, "a"))
	closeRig(t, writeConfidential(t, o))
	if _, err := Check(t.Context(), CheckOptions{Dir: dir}); !errors.Is(err, ErrSealed) {
		t.Errorf("without a key: got %v, want ErrSealed", err)
	}
	check := func(repair bool) *CheckReport {
		r, err := Check(t.Context(), CheckOptions{Dir: dir, Key: o.Key, Repair: repair})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if r := check(false); r.Broken != 0 || r.Entries != 2 || r.Chunks != 4 {
		t.Errorf("sound: got %+v", r)
	}
	files, err := filepath.Glob(filepath.Join(dir, "kv", "??", "*.kv"))
	if err != nil || len(files) != 4 {
		t.Fatal(files, err)
	}
	if err := os.Truncate(files[0], 200); err != nil {
		t.Fatal(err)
	}
	if r := check(true); r.Broken == 0 || r.Entries != 2 {
		t.Errorf("a file that was cut: got %+v", r)
	}
	if r := check(false); r.Broken != 0 {
		t.Errorf("repaired: got %+v", r)
	}
}
