package engine

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/hosttest"
)

// Requests that share their beginning store it once: the files take little more than the state of the tokens
// that differ, whatever they are counted by.
func TestState_ASharedBeginningIsStoredOnce(t *testing.T) {
	const shared, requests, own, perToken = 1000, 100, 30, 23040 // bytes of a token as of a model with 135 million weights
	dir := t.TempDir()
	h := newStateHost(t)
	h.bytes = perToken
	r := rigOver(t, openEngine(t, Options{Dir: dir, State: StateOptions{MinPrefill: -1, Answers: AnswersOff}}), h)
	unique := map[string]bool{} // tokens by all that is before them and themselves
	for n := range requests {
		prompt := words(shared+own, shared, fmt.Sprint("r", n, "w"))
		r.ask(prompt)
		tokens := hosttest.Tokens(prompt, true)
		for i := range tokens {
			unique[fmt.Sprint(tokens[max(0, i-own):i+1], i)] = true
		}
	}
	var bytes int64
	files, err := filepath.Glob(filepath.Join(dir, "kv", "??", "*.kv"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		info, err := os.Stat(f)
		if err != nil {
			t.Fatal(err)
		}
		bytes += info.Size()
	}
	limit := float64(len(unique)*perToken) * 1.05
	t.Logf("%d files, %d bytes, %d unique tokens: %.3f of their state", len(files), bytes, len(unique), float64(bytes)/float64(len(unique)*perToken))
	if float64(bytes) > limit || r.stat("kv.bytes") != int(bytes) {
		t.Errorf("%d bytes in files and %d counted; %d unique tokens of %d bytes allow %.0f", bytes, r.stat("kv.bytes"), len(unique), perToken, limit)
	}
	if got := h.resumed[requests-1]; got < shared/base.ChunkTokens*base.ChunkTokens {
		t.Errorf("the last request restored %d tokens", got)
	}
}
