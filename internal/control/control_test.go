package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/kvasir-cache/kvasir/engine"
	"github.com/kvasir-cache/kvasir/hostapi"
	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/blob"
)

func open(t testing.TB, o engine.Options) *Session {
	t.Helper()
	s, err := Open(context.Background(), o, map[string]string{"cache.ttl": o.TTL.String()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func query(text string) *engine.Query {
	return &engine.Query{Model: engine.ModelID{1}, Request: &base.Request{Messages: []base.Message{{Role: base.RoleUser, Content: text}}}}
}

func answer(text string) *engine.Result {
	return &engine.Result{Text: text, Tokens: []base.Token{1, 2}, FinishReason: base.FinishStop,
		Usage: base.Usage{PromptTokens: 3, CompletionTokens: 2}, Timings: base.Timings{Decode: time.Second}}
}

// remember stores an answer and waits until it is safe.
func remember(t testing.TB, s *Session, text string) {
	t.Helper()
	receipt, err := s.Remember(context.Background(), query(text), answer("answer to "+text))
	if err == nil {
		err = receipt.Wait(context.Background())
	}
	if err != nil {
		t.Fatal(err)
	}
}

func finds(t testing.TB, s *Session, text string) bool {
	t.Helper()
	found, err := s.Lookup(context.Background(), query(text))
	if err != nil {
		t.Fatal(err)
	}
	if found.Action != base.ActionAnswer {
		return false
	}
	if want := answer("answer to " + text); !reflect.DeepEqual(found.Result, want) {
		t.Fatalf("%q: found %+v, want %+v", text, found.Result, want)
	}
	return true
}

func TestSession_SecondUsesTheStoreOfTheFirst(t *testing.T) {
	o := engine.Options{Dir: t.TempDir()}
	owner, second := open(t, o), open(t, o)
	if owner.Owner() != 0 || second.Owner() != os.Getpid() {
		t.Errorf("owners %d and %d, want 0 and this process", owner.Owner(), second.Owner())
	}
	remember(t, second, "from the second")
	remember(t, owner, "from the owner")
	if !finds(t, owner, "from the second") || !finds(t, second, "from the owner") {
		t.Error("what one remembered the other does not find")
	}
	ctx := context.Background()
	list, next, err := second.List(ctx, "", 1)
	if err != nil || len(list) != 1 || next == "" {
		t.Fatalf("list %v, next %q, %v", list, next, err)
	}
	entry, err := second.Get(ctx, list[0].ID)
	if err != nil || entry.Answer != "answer to from the second" || entry.Cost != time.Second {
		t.Errorf("entry %+v, %v", entry, err)
	}
	if err := second.Remove(ctx, list[0].ID); err != nil {
		t.Error(err)
	}
	if finds(t, owner, "from the second") {
		t.Error("a removed entry serves")
	}
	stats, err := second.Stats(ctx)
	if err != nil || stats["cache.size"] != 1 || stats["cache.hit_exact"] != 2 {
		t.Errorf("stats %v, %v", stats, err)
	}
}

func TestSession_ErrorsKeepTheirMeaning(t *testing.T) {
	o := engine.Options{Dir: t.TempDir()}
	open(t, o)
	second := open(t, o)
	ctx := context.Background()
	if _, err := second.Get(ctx, "77"); !errors.Is(err, engine.ErrNotFound) || base.Hint(err) != "kvasir ls lists them" {
		t.Errorf("no such entry: %v, hint %q", err, base.Hint(err))
	}
	if _, err := second.Lookup(ctx, &engine.Query{Request: &base.Request{}}); !errors.Is(err, base.ErrInvalid) {
		t.Errorf("empty request: %v", err)
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := second.Stats(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("caller that left: %v", err)
	}
}

func TestSession_TakesOverWhenTheOwnerLeaves(t *testing.T) {
	o := engine.Options{Dir: t.TempDir()}
	owner, second := open(t, o), open(t, o)
	remember(t, second, "one")
	if err := owner.Close(); err != nil {
		t.Fatal(err)
	}
	if !finds(t, second, "one") || second.Owner() != 0 {
		t.Errorf("owner %d; want this session, with the entries of the last", second.Owner())
	}
	third := open(t, o)
	if !finds(t, third, "one") || third.Owner() == 0 {
		t.Error("the new owner does not serve others")
	}
	if _, err := owner.Stats(context.Background()); !errors.Is(err, engine.ErrClosed) {
		t.Errorf("closed session: %v", err)
	}
}

func TestSession_ServeAnswersTheSecondTimeFromTheOwner(t *testing.T) {
	o := engine.Options{Dir: t.TempDir()}
	for i, s := range []*Session{open(t, o), open(t, o)} {
		inferred := 0
		infer := func(context.Context, func(base.Chunk) error) (*base.Result, error) {
			inferred++
			return answer("x"), nil
		}
		a, err := s.Serve(context.Background(), query("q"), infer, func(base.Chunk) error { return nil })
		if err != nil || a.Result.Text != "x" || inferred != 1-i {
			t.Errorf("session %d: %+v, %v, %d inferences", i, a, err, inferred)
		}
	}
}

func TestSession_SaysWhatDiffers(t *testing.T) {
	o := engine.Options{Dir: t.TempDir(), TTL: time.Hour}
	owner := open(t, o)
	same := open(t, o)
	o.TTL = time.Minute
	other := open(t, o)
	if got := append(owner.Differs(), same.Differs()...); len(got) != 0 {
		t.Errorf("differences %q, want none", got)
	}
	if got := other.Differs(); !reflect.DeepEqual(got, []string{"cache.ttl = 1h0m0s"}) {
		t.Errorf("differences %q", got)
	}
}

func TestSession_InMemoryHasNoSocket(t *testing.T) {
	a, b := open(t, engine.Options{}), open(t, engine.Options{})
	remember(t, a, "one")
	if finds(t, b, "one") || !finds(t, a, "one") {
		t.Error("two stores in memory are one")
	}
}

func TestSocket_IsPrivateAndReplacesADeadOne(t *testing.T) {
	dir := t.TempDir()
	dead, err := net.Listen("unix", filepath.Join(dir, socketName))
	if err != nil {
		t.Fatal(err)
	}
	dead.(*net.UnixListener).SetUnlinkOnClose(false)
	dead.Close()
	s := open(t, engine.Options{Dir: dir})
	info, err := os.Stat(filepath.Join(dir, socketName))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("socket %v, %v, want mode 0600", info.Mode(), err)
	}
	if second := open(t, engine.Options{Dir: dir}); second.Owner() == 0 {
		t.Error("nobody can connect")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestSocket_PathMayBeLong(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("long", 40), strings.Repeat("path", 40))
	open(t, engine.Options{Dir: dir})
	if second := open(t, engine.Options{Dir: dir}); second.Owner() == 0 {
		t.Error("nobody can connect")
	}
}

func TestSession_OtherVersionIsNamed(t *testing.T) {
	dir := t.TempDir()
	l, err := net.Listen("unix", filepath.Join(dir, socketName))
	if err != nil {
		t.Fatal(err)
	}
	other := &http.Server{Handler: http.NewServeMux()}
	go other.Serve(l)
	defer other.Close()
	_, err = Open(context.Background(), engine.Options{Dir: dir}, nil)
	if !errors.Is(err, ErrOwner) || !strings.Contains(err.Error(), "another version") || base.Hint(err) == "" {
		t.Errorf("error %v", err)
	}
}

// TestServer_RefusesWhatItDoesNotKnow sends what no client of this program sends.
func TestServer_RefusesWhatItDoesNotKnow(t *testing.T) {
	dir := t.TempDir()
	open(t, engine.Options{Dir: dir})
	c, _, err := dial(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	for _, r := range []struct {
		method, op, body string
		status           int
	}{
		{"POST", opLookup, `{"Tenant": 3}`, http.StatusBadRequest},
		{"POST", opLookup, `{"unknown": 3}`, http.StatusBadRequest},
		{"POST", opLookup, `{`, http.StatusBadRequest},
		{"POST", opLookup, `null`, http.StatusOK}, // an error inside
		{"POST", opRemember, `{}`, http.StatusOK},
		{"GET", opStats, ``, http.StatusMethodNotAllowed},
		{"POST", "nothing", ``, http.StatusNotFound},
	} {
		request, _ := http.NewRequest(r.method, "http://store"+path(r.op), strings.NewReader(r.body))
		response, err := c.http.Do(request)
		if err != nil {
			t.Fatalf("%s %s %s: %v", r.method, r.op, r.body, err)
		}
		response.Body.Close()
		if response.StatusCode != r.status {
			t.Errorf("%s %s %s: status %d, want %d", r.method, r.op, r.body, response.StatusCode, r.status)
		}
	}
}

// TestWire_QueriesAndResultsArriveAsTheyWere holds the encoding to every field, also those whose zero
// means something.
func TestWire_QueriesAndResultsArriveAsTheyWere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String()
		q := query(text.Draw(t, "content"))
		q.Tenant = text.Draw(t, "tenant")
		q.Request.Prompt = text.Draw(t, "prompt")
		q.Request.Stop = rapid.SliceOfN(text, 1, 3).Draw(t, "stop")
		q.Request.Tokens = rapid.SliceOfN(rapid.Int32(), 1, 5).Draw(t, "tokens")
		q.Request.Sampling = base.Sampling{
			Temperature: rapid.Float32().Draw(t, "temperature"), TopK: rapid.Int().Draw(t, "top k"),
			Seed:      rapid.Ptr(rapid.Uint32(), true).Draw(t, "seed"),
			LogitBias: []base.LogitBias{{Token: 1, Bias: float32(math.Inf(-1))}, {Token: 2, Bias: rapid.Float32().Draw(t, "bias")}, {Token: 3}},
		}
		r := answer(text.Draw(t, "answer"))
		r.Timings.Queue = time.Duration(rapid.Int64().Draw(t, "queue"))
		data, err := json.Marshal(rememberArgs{q, r})
		if err != nil {
			t.Fatal(err)
		}
		var got rememberArgs
		if err := decode(strings.NewReader(string(data)), &got); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, rememberArgs{q, r}) {
			t.Fatalf("sent %s, got %+v", data, got)
		}
	})
}

// TestSession_OwnersComeAndGo lets many sessions remember while their owners close one after the other.
func TestSession_OwnersComeAndGo(t *testing.T) {
	o := engine.Options{Dir: t.TempDir()}
	var all sync.WaitGroup
	for worker := range 4 {
		all.Go(func() {
			for round := range 5 {
				s, err := Open(context.Background(), o, nil)
				if err != nil {
					t.Error(err)
					return
				}
				for i := range 5 {
					remember(t, s, fmt.Sprint(worker, round, i))
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	last := open(t, o)
	for worker := range 4 {
		for round := range 5 {
			for i := range 5 {
				if name := fmt.Sprint(worker, round, i); !finds(t, last, name) {
					t.Errorf("%s was acknowledged and is gone", name)
				}
			}
		}
	}
}

// saveChunk writes the first chunk of a prompt as a host would under a lease.
func saveChunk(t *testing.T, lease *engine.Lease, tokens []base.Token) *base.StateReport {
	t.Helper()
	key := blob.NextKey(lease.Plan.Seed, tokens[:base.ChunkTokens])
	header := blob.Header{ID: lease.Plan.ID, Key: key, Tokens: base.ChunkTokens, Origin: base.OriginPrefill}
	temp, size, err := blob.Write(lease.Plan.Dir, &lease.Plan.Secret, &header, []byte("state"))
	if err != nil {
		t.Fatal(err)
	}
	return &base.StateReport{Computed: len(tokens), Prefill: time.Second, Saved: []base.SavedChunk{{
		Key: key, Parent: lease.Plan.Seed, Tokens: tokens[:base.ChunkTokens], Origin: base.OriginPrefill, Temp: temp, Bytes: size, Cost: time.Second,
	}}}
}

// Whoever owns the store, the other resumes from what it saved.
func TestSession_SavesAndResumesBesideTheOwner(t *testing.T) {
	o := engine.Options{Dir: t.TempDir()}
	owner, second := open(t, o), open(t, o)
	ctx := context.Background()
	for n, s := range []*Session{second, owner} {
		tokens := make([]base.Token, 100)
		for i := range tokens {
			tokens[i] = base.Token(1000*n + i)
		}
		q := &engine.StateQuery{State: engine.StateID{1}, Tokens: tokens}
		lease, err := s.Resume(ctx, q)
		if err != nil || !lease.Plan.Save || lease.Restored != 0 || !filepath.IsAbs(lease.Plan.Dir) {
			t.Fatalf("lease %+v, %v", lease, err)
		}
		settled, err := s.Settle(ctx, lease.ID, saveChunk(t, lease, tokens), true)
		if err != nil || settled.Saved != 1 || !settled.Recompute {
			t.Fatalf("settled %+v, %v", settled, err)
		}
		if _, err := s.Settle(ctx, lease.ID, nil, true); !errors.Is(err, base.ErrInvalid) && !errors.Is(err, engine.ErrNotFound) {
			t.Errorf("a lease was settled twice: %v", err)
		}
		for _, other := range []*Session{owner, second} {
			lease, err := other.Resume(ctx, q)
			if err != nil || lease.Restored != base.ChunkTokens {
				t.Fatalf("lease %+v, %v", lease, err)
			}
			key := blob.NextKey(lease.Plan.Seed, tokens[:base.ChunkTokens])
			want := blob.Header{ID: lease.Plan.ID, Key: key, Tokens: base.ChunkTokens}
			if state, _, err := blob.Read(blob.Path(lease.Plan.Dir, key), &lease.Plan.Secret, &want, nil); string(state) != "state" {
				t.Errorf("read %q, %v", state, err)
			}
		}
	}
}

// A lease ends with its owner; what was written under it is not taken, and the next one works.
func TestSession_ALeaseEndsWithItsOwner(t *testing.T) {
	o := engine.Options{Dir: t.TempDir()}
	owner, second := open(t, o), open(t, o)
	ctx := context.Background()
	q := &engine.StateQuery{State: engine.StateID{1}, Tokens: make([]base.Token, 100)}
	lease, err := second.Resume(ctx, q)
	if err != nil {
		t.Fatal(err)
	}
	report := saveChunk(t, lease, q.Tokens)
	if err := owner.Close(); err != nil {
		t.Fatal(err)
	}
	if settled, err := second.Settle(ctx, lease.ID, report, true); err == nil {
		t.Errorf("the lease of an owner that is gone was settled: %+v", settled)
	}
	if _, err := os.Stat(report.Saved[0].Temp); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the temporary file is still there: %v", err)
	}
	lease, err = second.Resume(ctx, q)
	if err != nil || lease.Restored != 0 {
		t.Fatalf("lease %+v, %v", lease, err)
	}
	if settled, err := second.Settle(ctx, lease.ID, saveChunk(t, lease, q.Tokens), true); err != nil || settled.Saved != 1 {
		t.Errorf("settled %+v, %v", settled, err)
	}
}

// What a hook of the owner says of state reaches the process that has the host.
func TestSession_HearsThatStateIsNotToBeSaved(t *testing.T) {
	o := engine.Options{Dir: t.TempDir(), Hooks: stateless{}}
	_, second := open(t, o), open(t, o)
	receipt, err := second.Remember(context.Background(), query("a"), answer("b"))
	if err != nil {
		t.Fatal(err)
	}
	if says, ok := receipt.(engine.StateReceipt); !ok || says.KeepsState() {
		t.Errorf("the receipt %+v lets state be saved", receipt)
	}
}

// stateless are hooks that store answers and no state.
type stateless struct{}

func (stateless) Wants(hook hostapi.Role) bool { return hook == hostapi.RoleOnStore }

func (stateless) Ask(context.Context, *hostapi.Event) hostapi.Decision {
	return hostapi.Decision{SaveState: new(false)}
}

// Who has a key is not served from a store in the open, whoever has that.
func TestSession_WithAKeyRefusesAPlainStoreOfAnOwner(t *testing.T) {
	key := likeThat(engine.Options{}.Key)
	for _, c := range []struct {
		name            string
		sealed, refused bool
	}{{"plain", false, true}, {"sealed", true, false}} {
		first := engine.Options{}
		if c.sealed {
			first.Key = key
		}
		dir := filepath.Join(t.TempDir(), "db")
		first.Dir = dir
		owner, err := Open(t.Context(), first, nil)
		if err != nil {
			t.Fatal(err)
		}
		other, err := Open(t.Context(), engine.Options{Dir: dir, Key: key}, nil)
		if c.refused != errors.Is(err, engine.ErrPlain) || !c.refused && err != nil {
			t.Errorf("%s: got %v", c.name, err)
		}
		if err == nil {
			_ = other.Close() // the owner's says more
		}
		if err := owner.Close(); err != nil {
			t.Error(err)
		}
	}
}

// likeThat returns a new value of a type that this package has no name for: a key of zeros is one.
func likeThat[T any](*T) *T { return new(T) }
