//go:build linux && !llama && !race

package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	serveFlush = 250 * time.Millisecond  // [cache] flush_interval, as it is by default
	serveSlack = 500 * time.Millisecond  // what a sync and a busy machine may take beyond it
	serveLoad  = 1500 * time.Millisecond // the longest that clients ask before a kill
	sampled    = 50                      // answers that were found before and are looked for again after a kill
)

// askedPrompt is a prompt that was asked.
type askedPrompt struct {
	ended time.Time // when its answer first came whole since the last kill; zero if it did not
	kept  bool      // it was found after a kill, and has to be from then on
}

// serveKills kills kvasir serve again and again on one store while clients ask.
type serveKills struct {
	*killRig
	killed time.Time   // the last time under load
	ending atomic.Bool // it is being killed, and errors are no mistakes

	mu struct {
		sync.Mutex
		prompts map[string]*askedPrompt
		order   []string // as they were first asked
		answers int
	}
	lost    int
	longest time.Duration // that a lost answer had ended before the kill
}

// TestServeKills_LoseOnlyWhatEndedWithinTheFlushInterval kills kvasir serve at random moments while clients ask, in streams
// and not, what is new and what was asked before. It opens the store every time; each answer belongs to its prompt; and
// what ended longer ago than the flush interval, or was found once after a kill, is there.
func TestServeKills_LoseOnlyWhatEndedWithinTheFlushInterval(t *testing.T) {
	rounds := numberIn(t, killsEnv, 4)
	r := &serveKills{killRig: newKillRig(t)}
	r.mu.prompts = map[string]*askedPrompt{}
	r.configure()
	for n := range rounds {
		s := startToKill(t, r.dir)
		if n%4 == 3 { // before it serves, or just then
			time.Sleep(r.moment(60 * time.Millisecond))
			s.kill()
			continue
		}
		url := s.serving()
		r.verify(url)
		after, quiet := r.moment(serveLoad), time.Duration(0)
		switch {
		case n == 0: // nothing may be lost
			after, quiet = serveLoad/2, serveFlush+serveSlack+100*time.Millisecond
		case n%2 == 0:
			quiet = r.moment(2 * serveFlush)
		}
		r.load(s, url, after, quiet)
	}
	s := startToKill(t, r.dir)
	r.verify(s.serving())
	s.kill()
	r.checkAll()
	t.Logf("%d kills; %d answers to %d prompts; %d answers were lost, the oldest of which had ended %v before the kill",
		rounds+1, r.mu.answers, len(r.mu.order), r.lost, r.longest.Round(time.Millisecond))
}

func (r *serveKills) configure() {
	r.t.Helper()
	text := fmt.Sprintf("[cache]\nmax_entries = 1_000_000\nflush_interval = %q\n[server]\nlog = \"off\"\n[host]\nkind = \"openai\"\n"+
		"[upstream]\nurl = \"%s/v1\"\nmodel = \"far\"\nretries = 0\n", serveFlush, r.url)
	if err := os.WriteFile(filepath.Join(r.dir, "cache.toml"), []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

func (r *serveKills) moment(most time.Duration) time.Duration {
	return time.Duration(r.random.Int64N(int64(most)))
}

// load asks from several clients at once, and kills the server after a while. If it is left in quiet before, all clients
// have ended; under load a full block of the log goes to disk before its time.
func (r *serveKills) load(s *serverToKill, url string, after, quiet time.Duration) {
	done := make(chan struct{})
	r.ending.Store(false)
	var clients sync.WaitGroup
	transport := &http.Transport{MaxIdleConnsPerHost: 8}
	defer transport.CloseIdleConnections()
	for i := range 6 {
		c := &clientOf{&http.Client{Transport: transport, Timeout: time.Minute}, url}
		random := rand.New(rand.NewPCG(r.random.Uint64(), uint64(i)))
		clients.Go(func() { r.ask(c, random, done) })
	}
	time.Sleep(after)
	if quiet > 0 {
		close(done)
		clients.Wait()
		time.Sleep(quiet)
	}
	r.ending.Store(true)
	r.killed = time.Now()
	s.kill()
	if quiet == 0 {
		close(done)
		clients.Wait()
	}
}

// ask asks until done. A model that is still started is no mistake, nor is an answer that breaks off by a kill.
func (r *serveKills) ask(c *clientOf, random *rand.Rand, done <-chan struct{}) {
	for {
		select {
		case <-done:
			return
		case <-time.After(time.Duration(random.Int64N(int64(8 * time.Millisecond)))):
		}
		prompt := r.choose(random)
		a, err := c.ask(prompt, random.IntN(2) == 0, false)
		switch {
		case err != nil && r.ending.Load() || err == nil && a.status == http.StatusServiceUnavailable:
		case err != nil:
			r.t.Errorf("%q is not answered: %v", prompt, err)
		case a.status != http.StatusOK || a.text != answerTo(prompt):
			r.t.Errorf("%q is answered with %d %.200q", prompt, a.status, a.text)
		default:
			r.answered(prompt)
		}
	}
}

// choose returns a new prompt, or one that was asked before; the newest ones often, as they may be under way.
func (r *serveKills) choose(random *rand.Rand) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch n := len(r.mu.order); {
	case n == 0 || random.IntN(5) < 3:
		prompt := fmt.Sprintf("served %06d", n)
		r.mu.prompts[prompt] = &askedPrompt{}
		r.mu.order = append(r.mu.order, prompt)
		return prompt
	case random.IntN(2) == 0:
		return r.mu.order[n-1]
	default:
		return r.mu.order[random.IntN(n)]
	}
}

func (r *serveKills) answered(prompt string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mu.answers++
	if p := r.mu.prompts[prompt]; p.ended.IsZero() {
		p.ended = time.Now()
	}
}

// verify asks for what is stored, and for nothing else: all answers that came before the kill, and some of those that were
// found before.
func (r *serveKills) verify(url string) {
	r.t.Helper()
	c := &clientOf{&http.Client{Timeout: time.Minute}, url}
	defer c.http.CloseIdleConnections()
	var kept []string
	for _, prompt := range r.mu.order {
		switch p := r.mu.prompts[prompt]; {
		case p.kept:
			kept = append(kept, prompt)
		case !p.ended.IsZero():
			r.find(c, prompt, p)
		}
	}
	r.random.Shuffle(len(kept), func(i, j int) { kept[i], kept[j] = kept[j], kept[i] })
	for _, prompt := range kept[:min(sampled, len(kept))] {
		r.find(c, prompt, r.mu.prompts[prompt])
	}
}

// find looks for an answer, and judges its loss.
func (r *serveKills) find(c *clientOf, prompt string, p *askedPrompt) {
	r.t.Helper()
	a, err := c.ask(prompt, r.random.IntN(2) == 0, true)
	age := r.killed.Sub(p.ended)
	switch {
	case err == nil && a.status == http.StatusOK && a.text == answerTo(prompt):
		p.kept = true
	case err == nil && a.status == http.StatusGatewayTimeout && !p.kept && age <= serveFlush+serveSlack:
		r.lost++
		r.longest = max(r.longest, age)
		p.ended = time.Time{}
	default:
		r.t.Fatalf("%q, found before %t, ended %v before the kill: %v, %+v", prompt, p.kept, age, err, a)
	}
}

// checkAll compares the store with all that was asked.
func (r *serveKills) checkAll() {
	r.t.Helper()
	if text, err := quietKvasir(r.dir, "check").CombinedOutput(); err != nil {
		r.t.Fatalf("a check: %v: %s", err, text)
	}
	found := r.read()
	for _, prompt := range promptsOf(found) {
		if r.mu.prompts[prompt] == nil || found[prompt].answer != answerTo(prompt) {
			r.t.Errorf("the store has %q with the answer %.200q", prompt, found[prompt].answer)
		}
	}
	gone := slices.DeleteFunc(slices.Clone(r.mu.order), func(prompt string) bool {
		_, ok := found[prompt]
		return ok || !r.mu.prompts[prompt].kept
	})
	if len(gone) > 0 || len(found) == 0 {
		r.t.Errorf("%d answers are in the store; gone are %q", len(found), gone)
	}
}
