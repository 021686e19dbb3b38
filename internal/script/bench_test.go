package script

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/hostapi"
)

const benchHooks = `
def on_hit(ev):
    if ev.entry.age_ms > 24*3600*1000:
        return reject("older than a day")
    if ev.entry.kind == "approx" and ev.entry.score < 0.9:
        return {"accept": False, "reason": "not alike enough"}
    return None

def on_store(ev):
    if ev.result.completion_tokens < 2 or "error" in ev.result.answer:
        return drop("no real answer")
    return store(ttl_ms=3600*1000, topic="geo", tags=["a"])
`

func BenchmarkHook(b *testing.B) {
	p := mustLoad(b, benchHooks)
	inline := mustLoadOptions(b, Inline(map[hostapi.Role]string{
		hostapi.RoleOnHit: `reject("stale") if ev.entry.age_ms > 3600*1000 else None`,
	}))
	for _, c := range []struct {
		name string
		p    hostapi.Plugin
		hook hostapi.Role
	}{{"on_hit", p, hostapi.RoleOnHit}, {"on_store", p, hostapi.RoleOnStore}, {"inline", inline, hostapi.RoleOnHit}} {
		b.Run(c.name, func(b *testing.B) {
			event, ctx := sampleEvent(c.hook), context.Background()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.p.Hook(ctx, event); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkNormalize(b *testing.B) {
	text := strings.Repeat("Please tell me, What is the  Capital of France? ", 5)[:200]
	for name, source := range map[string]string{
		"fold": `def normalize(text): return text_fold(text, nfc=True, case=True, space=True)`,
		"words": `
POLITE = {"please": True, "kindly": True, "thanks": True}
def normalize(text):
    return " ".join([w for w in text.lower().split() if w.strip(".,!?") not in POLITE])`,
	} {
		b.Run(name, func(b *testing.B) {
			p, ctx := mustLoad(b, source), context.Background()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.Normalize(ctx, text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkScore(b *testing.B) {
	candidates := make([]string, 500)
	for i := range candidates {
		candidates[i] = fmt.Sprintf("what is the capital of country number %d, if it has one at all", i)
	}
	for name, source := range map[string]string{
		"native": `def score(query, candidates): return ngram_jaccard(query, candidates, n=3)`,
		"words": `
def words(text): return set(text.lower().split())
def score(query, candidates):
    q = words(query)
    return [len(q & w) / len(q | w) for w in [words(c) for c in candidates]]`,
	} {
		b.Run(name, func(b *testing.B) {
			p, ctx := mustLoad(b, source), context.Background()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.Score(ctx, candidates[0], candidates); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkSteps shows what stepsPerMS and bytesPerStep are made from: steps of each kind per millisecond.
func BenchmarkSteps(b *testing.B) {
	for name, body := range map[string]string{
		"count":   "    n = 0\n    for i in range(1000000): n += i\n    return n",
		"native":  "    for i in range(1000000): i = i + 1",
		"pass":    "    for i in range(1000000): pass",
		"call":    "    for i in range(1000000): len(text)",
		"concat":  "    s = ''\n    for i in range(1000000): s += 'x'",
		"list":    "    l = []\n    for i in range(1000000): l.append(i)",
		"dict":    "    d = {}\n    for i in range(1000000): d[i % 1000] = i",
		"split":   "    s = 'a b c ' * 1000\n    for i in range(1000000): s.split()",
		"compare": "    l = ['x'] * 1000\n    m = l[:]\n    for i in range(1000000): l == m",
		"fold":    "    s = 'Ab ' * 1000\n    for i in range(1000000): text_fold(s, case=True, space=True)",
		"foldü":   "    s = 'Äb ' * 1000\n    for i in range(1000000): text_fold(s, case=True, space=True)",
		"ngrams":  "    s = 'Ab cd ef x' * 100\n    for i in range(1000000): ngrams(s)",
		"jaccard": "    s = ['Ab cd ef x'] * 100\n    for i in range(1000000): ngram_jaccard('Ab cd ef', s)",
		"bigmul":  "    x = 1 << 500\n    x = x * x * x * x\n    for i in range(1000000): x * x // x",
		"format":  "    for i in range(1000000): '%s %s' % (text, i)",
		"str":     "    l = ['xyz'] * 1000\n    for i in range(1000000): str(l)",
	} {
		b.Run(name, func(b *testing.B) {
			o := Options{Source: "def normalize(text):\n" + body + "\n", Limits: hostapi.Limits{Steps: 1_000_000, MemoryBytes: 8 << 30}}
			p := mustLoadOptions(b, o)
			begun := cpuTime()
			n := 0
			for b.Loop() {
				p.Normalize(context.Background(), "text")
				n++
			}
			ms := float64((cpuTime() - begun).Microseconds()) / 1000
			b.ReportMetric(float64(n)*1_000_000/ms, "steps/ms")
		})
	}
}

// cpuTime returns how much processor time the process has used, which other processes do not disturb.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
