package engine

import (
	"fmt"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// A hundred requests that share their beginning take no more room than the state of the tokens that differ,
// and a twentieth. As it comes, what is cheap to read behind the beginning is not saved at all. Where everything is
// saved at once, what diverges inside a chunk is so when it comes again, unless it is long.
func TestState_ASharedBeginningIsStoredOnce(t *testing.T) {
	const requests, own, perToken = 100, 30, 2304
	for _, tt := range []struct {
		name   string
		shared int
		least  time.Duration // MinPrefill
	}{{"as it comes", 1000, 0}, {"everything is saved", 1000, -1}, {"it diverges between chunks", 960, -1}} {
		t.Run(tt.name, func(t *testing.T) {
			h := newStateHost(t)
			h.bytes, h.rate = perToken, 3*time.Millisecond // a small model's speed
			r := rigOver(t, openEngine(t, Options{Dir: t.TempDir(), State: StateOptions{MinPrefill: tt.least, Answers: AnswersOff}}), h)
			for n := range requests {
				r.ask(words(tt.shared, tt.shared, "") + words(own, 0, fmt.Sprint("r", n, "w")))
			}
			unique := 1 + tt.shared + requests*own // 1 begins the text
			t.Logf("%.2f of the state of %d unique tokens", float64(r.stat("kv.bytes"))/float64(unique*perToken), unique)
			if limit := unique * perToken * 105 / 100; r.stat("kv.bytes") > limit || r.stat("kv.bytes") == 0 {
				t.Errorf("%d bytes; %d unique tokens allow %d", r.stat("kv.bytes"), unique, limit)
			}
			if want := tt.shared / base.ChunkTokens * base.ChunkTokens; h.resumed[requests-1] < want {
				t.Errorf("the last request restored %d tokens, want %d", h.resumed[requests-1], want)
			}
		})
	}
}
