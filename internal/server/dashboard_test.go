package server

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/internal/hosttest"
)

func TestDashboard_IsThereForAnybodyAndLoadsNothingFromElsewhere(t *testing.T) {
	f := start(t, hosttest.Options{}, withTenants(Tenant{Name: "a"}))
	for path, kind := range map[string]string{
		"/": "text/html", "/dashboard.css": "text/css", "/dashboard.js": "text/javascript", "/charts.js": "text/javascript", "/icon.svg": "image/svg+xml",
	} {
		r := sendTo(t, f.admin.URL, "GET", path, "")
		if r.status != 200 || !strings.HasPrefix(r.header.Get("Content-Type"), kind) {
			t.Errorf("%s: %d %v", path, r.status, r.header)
		}
		policy := r.header.Get("Content-Security-Policy")
		if !strings.HasPrefix(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") || strings.Contains(policy, "http") {
			t.Errorf("%s: policy %q", path, policy)
		}
		elsewhere := strings.ReplaceAll(r.body, "http://www.w3.org/2000/svg", "")
		if found := regexp.MustCompile(`https?://|innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|style="|<script>|[?&]token=`).FindString(elsewhere); found != "" {
			t.Errorf("%s has %q", path, found)
		}
		if strings.Contains(r.body, adminToken) {
			t.Errorf("%s has the token", path)
		}
	}
	if r := sendTo(t, f.admin.URL, "GET", "/", "", "Host: evil.example"); r.status != 421 {
		t.Errorf("under another name: %d", r.status)
	}
	for _, path := range []string{"/history", "/entries?search=x", "/stats"} {
		if r := sendTo(t, f.admin.URL, "GET", path, ""); r.status != 401 {
			t.Errorf("%s without the token: %d", path, r.status)
		}
	}
}

func TestEntries_AreSearched(t *testing.T) {
	f := start(t, hosttest.Options{})
	for i := range 12 {
		f.ask(t, chatBody(strings.Repeat(string(rune('a'+i)), 40)+fmt.Sprintf(" HEDGEHOG %d", i)))
	}
	f.ask(t, chatBody("another animal"))
	r := f.look(t, "GET", "/entries?search=hedgehog&limit=10", "")
	var page struct {
		Entries []struct{ Prompt string }
		Next    string
	}
	if err := json.Unmarshal([]byte(r.body), &page); err != nil || len(page.Entries) != 10 || page.Next == "" {
		t.Fatalf("%v, %d entries, next %q", err, len(page.Entries), page.Next)
	}
	r = f.look(t, "GET", "/entries?search=hedgehog&limit=10&from="+page.Next, "")
	if err := json.Unmarshal([]byte(r.body), &page); err != nil || len(page.Entries) != 2 || page.Next != "" || !strings.Contains(page.Entries[1].Prompt, "11") {
		t.Errorf("%v, %s", err, r.body)
	}
	if r := f.look(t, "GET", "/entries?search=nothing+of+the+kind", ""); strings.TrimSpace(r.body) != `{"entries":[],"next":""}` {
		t.Errorf("%s", r.body)
	}
	if r := f.look(t, "GET", "/entries?search="+strings.Repeat("x", mostSearch+1), ""); r.status != 400 {
		t.Errorf("%d", r.status)
	}
}

func TestHistory_ShowsWhatWasAddedFromSampleToSample(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	f := start(t, hosttest.Options{}, func(o *Options) { o.Now = func() time.Time { return now } })
	take := func() {
		s, ok := f.server.sample(t.Context())
		if !ok {
			t.Fatal("no sample")
		}
		f.server.history.add(s)
		now = now.Add(samplePeriod)
	}
	take()
	f.ask(t, chatBody("a"))
	take()
	f.ask(t, chatBody("a"))
	f.ask(t, chatBody("A"))
	r := f.look(t, "GET", "/history", "")
	for series, want := range map[string]string{
		"cache.miss_absent": "[1 0]", "cache.hit_exact_bytes": "[0 1]", "cache.hit_normalized": "[0 1]", "cache.size": "[1 1]",
	} {
		if got := fmt.Sprint(at(t, r.body, "series", series)); got != want {
			t.Errorf("%s: %s, want %s", series, got, want)
		}
	}
	for series, some := range map[string][]bool{"stored_p99_ms": {false, true}, "computed_p50_ms": {true, false}} {
		for i, want := range some {
			if v := at(t, r.body, "series", series, i).(float64); (v > 0) != want {
				t.Errorf("%s %d: %v", series, i, v)
			}
		}
	}
	for _, query := range []string{"minutes=0", "minutes=1441", "points=x", "points=1001"} {
		if r := f.look(t, "GET", "/history?"+query, ""); r.status != 400 {
			t.Errorf("%s: %d", query, r.status)
		}
	}
}

func TestHistory_IsBoundedAndThinnedWithoutLoss(t *testing.T) {
	h := &history{}
	began := time.Unix(0, 0)
	for i := range maxSamples + 100 {
		s := sample{at: began.Add(time.Duration(i) * samplePeriod)}
		s.values[0] = float64(i)
		h.add(s)
	}
	all := h.after(began)
	if len(all) != maxSamples || all[0].values[0] != 100 || all[len(all)-1].values[0] != float64(maxSamples+99) {
		t.Fatalf("%d samples from %v to %v", len(all), all[0].values[0], all[len(all)-1].values[0])
	}
	p := makePast(thin(all, 121))
	total := 0.0
	for _, v := range p.Series[tracked[0].name] {
		total += v
	}
	if len(p.Times) != 121 || total != float64(maxSamples-1) {
		t.Errorf("%d times, %v in all", len(p.Times), total)
	}
	last := all[len(all)-1].at
	if hour := h.after(last.Add(-time.Hour)); len(hour) != 361 {
		t.Errorf("%d samples of an hour", len(hour))
	}
}

func TestLatencies_QuantilesAreNear(t *testing.T) {
	l := &latencies{}
	for ms := range 1000 {
		l.add(time.Duration(ms+1) * time.Millisecond)
	}
	counts := l.read().since(latencyCounts{})
	for q, want := range map[float64]float64{0.5: 500, 0.99: 990} {
		if got := counts.quantile(q); got < want/growth || got > want*growth {
			t.Errorf("%v: %v, want about %v", q, got, want)
		}
	}
	l.add(100 * time.Hour)
	l.add(0)
	if got := (latencyCounts{}).quantile(0.5); got != 0 {
		t.Errorf("of nothing: %v", got)
	}
}
