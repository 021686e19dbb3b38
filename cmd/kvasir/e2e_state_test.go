//go:build llama && linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/engine"
	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/blob"
	"github.com/kvasir-cache/kvasir/internal/prochost"
)

// instructions is a system message of a few chunks. One with another name begins otherwise.
func instructions(name string) string {
	return "Desk " + name + ": " + strings.Repeat("answer in one plain sentence about countries, capitals and currencies, and say no more than you were asked. ", 6)
}

// storeIn is where kvasir keeps its store when it runs in a folder.
func storeIn(dir string) string { return filepath.Join(dir, "snapshot", "llama_cache.db") }

// configure writes the table kv of a folder's cache.toml.
func configure(t *testing.T, dir string, lines ...string) {
	t.Helper()
	text := "[kv]\n" + strings.Join(lines, "\n") + "\n"
	if err := os.WriteFile(filepath.Join(dir, "cache.toml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// stateRig is an engine on a store in a folder, with a real inference host.
type stateRig struct {
	t    *testing.T
	host *prochost.Host
	*engine.Engine
	resumer  *engine.Resumer
	settling sync.WaitGroup // leases that are out

	mu    sync.Mutex
	told  []string                // failures
	colds map[string]*base.Result // answers without saved state, by prompt
}

func newStateRig(t *testing.T, host *prochost.Host) *stateRig {
	return &stateRig{t: t, host: host, colds: map[string]*base.Result{}}
}

// open opens the store in a folder, as kvasir does that runs there.
func (r *stateRig) open(dir string, o engine.StateOptions) {
	r.t.Helper()
	var err error
	r.Engine, err = engine.Open(engine.Options{Dir: storeIn(dir), FlushInterval: time.Millisecond, State: o, Events: engine.EventListener{
		Failed: func(f engine.FailureInfo) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.told = append(r.told, f.Err.Error())
		},
	}})
	if err != nil {
		r.t.Fatal(err)
	}
	info, err := r.host.Info(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	r.resumer = engine.NewResumer(settling{r.Engine, &r.settling}, r.host, info, nil)
}

func (r *stateRig) close() {
	r.t.Helper()
	if err := r.resumer.Close(); err != nil {
		r.t.Error(err)
	}
	if err := r.Engine.Close(); err != nil {
		r.t.Error(err)
	}
}

// settling counts the leases of an engine that are out.
type settling struct {
	*engine.Engine
	out *sync.WaitGroup
}

func (s settling) Resume(ctx context.Context, q *engine.StateQuery) (*engine.Lease, error) {
	l, err := s.Engine.Resume(ctx, q)
	if err == nil && l.ID != 0 {
		s.out.Add(1)
	}
	return l, err
}

func (s settling) Settle(ctx context.Context, id uint64, r *base.StateReport, save bool) (*engine.Settled, error) {
	defer s.out.Done()
	return s.Engine.Settle(ctx, id, r, save)
}

// infer answers with the help of saved state, and waits until what is new is saved.
func (r *stateRig) infer(q *base.Request) *base.Result {
	r.t.Helper()
	got, err := r.resumer.Infer(&engine.Query{Request: q})(r.t.Context(), ignore)
	if err != nil {
		r.t.Fatal(err)
	}
	r.settling.Wait()
	return got
}

// cold answers without saved state.
func (r *stateRig) cold(q *base.Request) *base.Result {
	r.t.Helper()
	name, err := json.Marshal(q)
	if err != nil {
		r.t.Fatal(err)
	}
	if r.colds[string(name)] == nil {
		if r.colds[string(name)], err = r.host.Generate(r.t.Context(), q, ignore); err != nil {
			r.t.Fatal(err)
		}
	}
	return r.colds[string(name)]
}

// agrees answers both ways, and returns how many tokens were restored.
func (r *stateRig) agrees(q *base.Request) int {
	r.t.Helper()
	want, got := r.cold(q), r.infer(q)
	if got.Text != want.Text {
		r.t.Errorf("%d tokens were restored, and the answer is %q; without them it is %q", got.Restored, got.Text, want.Text)
	}
	return got.Restored
}

func (r *stateRig) stat(name string) int {
	r.t.Helper()
	stats, err := r.Stats(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	return int(stats[name])
}

// heard returns what failures were told of since it was last asked.
func (r *stateRig) heard() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	told := strings.Join(r.told, "\n")
	r.told = nil
	return told
}

// checkStateFiles holds that the chunk files in a folder are those that the metrics count, and that nothing else is there.
func (r *stateRig) checkStateFiles(kv string) {
	r.t.Helper()
	eventually(r.t, func() bool { // sweeping begins with the engine, and takes a moment
		number, size := filesIn(kv)
		return number == r.stat("kv.size") && size == r.stat("kv.bytes")
	}, func() string {
		number, size := filesIn(kv)
		return fmt.Sprintf("%d files of %d bytes, %d of %d by their records", number, size, r.stat("kv.size"), r.stat("kv.bytes"))
	})
	if temps, err := blob.Temps(kv); err != nil || len(temps) > 0 {
		r.t.Errorf("unfinished files are left: %q, %v", temps, err)
	}
}

// filesIn returns number and size of the chunk files in a folder.
func filesIn(kv string) (number, size int) {
	files, err := blob.List(kv)
	if err != nil {
		return -1, -1
	}
	for key := range files {
		if info, err := os.Stat(blob.Path(kv, key)); err == nil {
			size += int(info.Size())
		}
	}
	return len(files), size
}

// talk is a conversation up to a message that is to be answered.
func talk(system string, turns ...string) *base.Request {
	q := &base.Request{Messages: []base.Message{{Role: base.RoleSystem, Content: system}}}
	for i, text := range turns {
		role := base.RoleUser
		if i%2 == 1 {
			role = base.RoleAssistant
		}
		q.Messages = append(q.Messages, base.Message{Role: role, Content: text})
	}
	return q
}
