package server

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/kvasir-cache/kvasir/internal/openai"
)

// metrics are what Prometheus gets: what this server counts, and what the cache counts.
type metrics struct {
	registry  *prometheus.Registry
	requests  *prometheus.CounterVec
	durations *prometheus.HistogramVec
	decisions *prometheus.CounterVec
	tokens    *prometheus.CounterVec
}

func newMetrics(s *Server) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kvasir_http_requests_total", Help: "Requests by path and status."}, []string{"path", "code"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "kvasir_http_request_duration_seconds", Help: "How long requests took, by path and by what the cache did.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300}}, []string{"path", "action"}),
		decisions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kvasir_http_decisions_total", Help: "What the cache did with prompts of requests."}, []string{"action", "kind"}),
		tokens: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kvasir_http_tokens_total", Help: "Tokens of answered requests, stored answers included."}, []string{"type"}),
	}
	running := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "kvasir_http_requests_running", Help: "Requests being answered."},
		func() float64 { return float64(s.running.n.Load()) })
	build := prometheus.NewGauge(prometheus.GaugeOpts{Name: "kvasir_info", Help: "Always 1.",
		ConstLabels: prometheus.Labels{"version": s.options.Version, "model": s.options.Name}})
	build.Set(1)
	m.registry.MustRegister(m.requests, m.durations, m.decisions, m.tokens, running, build, cacheMetrics{s},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// request counts an answered request. Paths that are none are counted together.
func (m *metrics) request(n *note, took time.Duration) {
	path := n.endpoint
	if path == "" {
		path = "other"
	}
	m.requests.WithLabelValues(path, strconv.Itoa(n.status)).Inc()
	m.durations.WithLabelValues(path, n.action).Observe(took.Seconds())
	m.tokens.WithLabelValues("prompt").Add(float64(n.prompt))
	m.tokens.WithLabelValues("completion").Add(float64(n.answer))
}

func (m *metrics) decision(d *openai.Decision) {
	m.decisions.WithLabelValues(d.Action, d.Kind).Inc()
}

// cacheMetrics asks the cache and the host for what they count, each time somebody wants to know.
type cacheMetrics struct{ server *Server }

// Describe sends nothing: which metrics there are depends on plugins.
func (cacheMetrics) Describe(chan<- *prometheus.Desc) {}

// statsTime bounds how long the cache may take to count; another process may have it.
const statsTime = 5 * time.Second

// Collect implements prometheus.Collector.
func (c cacheMetrics) Collect(out chan<- prometheus.Metric) {
	model := c.server.options.Model
	pid, deaths, refused := model.Process()
	send := func(name, help string, kind prometheus.ValueType, v float64) {
		out <- prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, nil, nil), kind, v)
	}
	up := 0.0
	if c.server.state() == stateReady {
		up = 1
	}
	send("kvasir_host_up", "Whether the inference host takes requests.", prometheus.GaugeValue, up)
	send("kvasir_host_pid", "Its process; 0 while there is none.", prometheus.GaugeValue, float64(pid))
	send("kvasir_host_deaths_total", "Unexpected ends of its process.", prometheus.CounterValue, float64(deaths))
	send("kvasir_host_refused_total", "Requests refused because they had met two of them.", prometheus.CounterValue, float64(refused))
	store := model.Store()
	if store == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), statsTime)
	defer cancel()
	stats, err := store.Stats(ctx)
	if err != nil {
		c.server.options.Logger.Warn("the cache could not be asked for its metrics", "error", err)
		return
	}
	for name, v := range stats {
		out <- metricOf(name, v)
	}
}

// gauges are the last parts of the names of what goes up and down; all else only goes up.
var gauges = map[string]bool{"enabled": true, "size": true, "bytes": true, "entry_bytes": true, "instances": true, "memory_bytes": true}

// metricOf turns a metric of the cache into one of Prometheus: cache.hit_exact is kvasir_cache_hit_exact_total,
// times are seconds, and the name of a plugin is a label.
func metricOf(name string, v float64) prometheus.Metric {
	var labels, values []string
	parts := strings.Split(name, ".")
	if len(parts) > 2 && parts[0] == "plugin" {
		labels, values = []string{"plugin"}, []string{parts[1]}
		parts = append([]string{"plugin"}, parts[2:]...)
		if parts[1] == "own" {
			labels, values = append(labels, "name"), append(values, strings.Join(parts[2:], "."))
			parts = []string{"plugin", "own"}
		}
	}
	last := parts[len(parts)-1]
	kind, suffix := prometheus.CounterValue, "_total"
	switch {
	case gauges[last]:
		kind, suffix = prometheus.GaugeValue, ""
	case parts[len(parts)-1] == "own":
		kind, suffix = prometheus.UntypedValue, ""
	}
	full := "kvasir_" + strings.Join(parts, "_")
	if base, ok := strings.CutSuffix(full, "_ms"); ok {
		full, v = base+"_seconds", v/1000
	}
	desc := prometheus.NewDesc(metricName(full+suffix), "The metric "+strings.Join(parts, ".")+" of kvasir stats.", labels, nil)
	return prometheus.MustNewConstMetric(desc, kind, v, values...)
}

// metricName replaces what the name of a metric may not have.
func metricName(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' {
			return r
		}
		return '_'
	}, name)
}
