// Package config reads cache.toml: strictly, with defaults, and able to say where each value came
// from.
//
// Find says which file counts, Load reads it, Override puts flags over it, Validate checks what
// hangs on several keys at once, and Explain lists every setting with its source. Default stands in
// where there is no file. Check is Load and Validate for a person who wants to see every problem.
//
// Paths in the file are taken from the folder of the file, paths in flags from the working
// directory. A default counts as if it were written in the file, so writing one out changes nothing.
//
// The package opens no store and starts no host: it turns text into values. A Config belongs to one
// goroutine until it no longer changes.
package config

import (
	"path/filepath"
	"strings"
	"time"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// FileName is the name of the configuration file.
const FileName = "cache.toml"

// Config is what cache.toml says, with defaults for what it does not say.
type Config struct {
	Cache      Cache
	Strategies map[string]*Strategy // by name; never empty
	Plugins    map[string]*Plugin   // by name; see PluginNames
	KV         KV
	Host       Host
	Upstream   Upstream
	Server     Server
	Tenants    map[string]*Tenant // by name; see TenantNames

	pluginNames []string // in the order of the file
	folder      string   // of the file; "." without one
	source      *source
	origins     map[string]origin // by key; a key that is missing has its default
	failed      map[string]bool   // keys whose value in the file was refused
}

// Mode says which hits the cache may serve.
type Mode string

const (
	ModeExact  Mode = "exact"  // equal requests
	ModeApprox Mode = "approx" // also requests that are alike enough for the strategy
)

// Sampled says what becomes of a request with a temperature and no seed.
type Sampled string

const (
	SampledBypass Sampled = "bypass" // it is always computed
	SampledServe  Sampled = "serve"  // it is served from the cache like any other
)

// Admit says when an answer is stored.
type Admit string

const (
	AdmitFirst  Admit = "first"  // at once
	AdmitSecond Admit = "second" // when the request comes a second time
)

// Cache is the table [cache].
type Cache struct {
	Persist       bool
	File          string // see Store
	Mode          Mode
	Sampled       Sampled
	MaxEntries    int
	MaxBytes      int64 // of entries
	TopicKeep     int   // entries of each topic that go last; 0: none
	Admit         Admit
	TTL           time.Duration // 0: entries never expire
	Stale         time.Duration // 0: entries past their time do not serve
	FlushInterval time.Duration
	KeyFile       string // with the key of the store; empty: none
	KeyEnv        string // environment variable with the key of the store; empty: none
	Strategy      string // a key of Config.Strategies
}

// Answers says what becomes of the model's state after an answer.
type Answers string

const (
	AnswersRecompute Answers = "recompute" // the answer is read again when the host is idle, and its state saved
	AnswersDecoded   Answers = "decoded"   // its state is saved as decoding left it
	AnswersOff       Answers = "off"       // it is not saved
)

// Identity says how alike the continuations of restored and of computed state are.
type Identity string

const (
	IdentityBitwise Identity = "bitwise" // the same bits
	IdentityClose   Identity = "close"   // with flash attention, perhaps other last bits
)

// KV is the table [kv].
type KV struct {
	Enabled    bool
	Dir        string // empty: kv in the folder of the store
	MaxBytes   int64
	MinPrefill time.Duration // 0: everything is saved at first use
	Answers    Answers
	Identity   Identity
}

// Strategy is a table [strategy.NAME].
type Strategy struct {
	Normalize  []string // normalizers in their order: built-in ones, or plugins
	Score      []string // scorers: built-in ones, or plugins
	Floor      float64  // score from which an entry is a candidate, in [0,1]
	Guard      string   // a scorer that decides about candidates; GuardOff: none
	Threshold  float64  // in [0,1]
	Candidates int      // most that are judged
}

// GuardOff is the guard of a strategy that has none.
const GuardOff = "off"

// HostKind says who answers.
type HostKind string

const (
	HostLlama  HostKind = "llama"  // a program beside kvasir, with a model file
	HostOpenAI HostKind = "openai" // an upstream
)

// Host is the table [host].
type Host struct {
	Kind               HostKind
	Program            string // path, or a name to look up in PATH; empty: not said
	Model              string // empty: not said
	Context            int    // tokens per request; 0: 4096, or the model's own limit if that is lower
	Parallel           int
	Threads            int // 0: one for each processor
	FlashAttention     bool
	KVType             string
	Template           string  // empty: the model's own
	Queue              int     // requests that may wait
	Temperature        float64 // of requests that name none
	IgnoreMemory       bool
	RopeFrequencyBase  float64 // 0: the model's own
	RopeFrequencyScale float64 // 0: the model's own
	Adapters           []Adapter
}

// Adapter is a table [[host.adapter]].
type Adapter struct {
	Path  string
	Scale float64 // never 0
}

// Default returns the configuration of someone who wrote none.
func Default() *Config {
	return &Config{
		Cache: Cache{
			Persist: true, File: "./snapshot/llama_cache.jsonl", Mode: ModeApprox, Sampled: SampledBypass,
			MaxEntries: 10_000, MaxBytes: 10 << 30, TopicKeep: 8, Admit: AdmitFirst, TTL: 72 * time.Hour, FlushInterval: 250 * time.Millisecond, Strategy: "default",
		},
		Strategies: map[string]*Strategy{"default": defaultStrategy()},
		Plugins:    map[string]*Plugin{},
		KV: KV{
			Enabled: true, MaxBytes: 20 << 30, MinPrefill: 500 * time.Millisecond, Answers: AnswersRecompute, Identity: IdentityBitwise,
		},
		Upstream: Upstream{Retries: 2, Timeout: 5 * time.Minute},
		Host:     Host{Kind: HostLlama, Parallel: 2, KVType: "f16", Queue: 64},
		Server:   defaultServer(),
		Tenants:  map[string]*Tenant{},

		folder:  ".",
		origins: map[string]origin{},
		failed:  map[string]bool{},
	}
}

func defaultStrategy() *Strategy {
	return &Strategy{
		Normalize: []string{"unicode", "whitespace", "case", "punctuation", "politeness"},
		Score:     []string{"jaccard"}, Floor: 0.65, Guard: "difference", Threshold: 0.9, Candidates: 16,
	}
}

// Active returns the strategy that [cache] strategy names. Validate makes sure there is one.
func (c *Config) Active() *Strategy { return c.Strategies[c.Cache.Strategy] }

// snapshotSuffix marks a cache file that is a snapshot in JSON Lines, with the store beside it.
const snapshotSuffix = ".jsonl"

// Store returns the folder of the store, and the snapshot beside it if File names one. A File that
// ends in .jsonl is a snapshot, and NAME.db beside it is the store; any other File is the store.
func (c *Cache) Store() (folder, snapshot string) {
	if name, ok := strings.CutSuffix(c.File, snapshotSuffix); ok {
		return name + ".db", c.File
	}
	return c.File, ""
}

// LoadOptions returns the options to load the model with.
func (h *Host) LoadOptions() base.LoadOptions {
	o := base.LoadOptions{
		Model: h.Model, Context: h.Context, Parallel: h.Parallel, Threads: h.Threads,
		FlashAttention: h.FlashAttention, KVType: h.KVType, Template: h.Template,
		Rope: base.Rope{
			FrequencyBase: float32(h.RopeFrequencyBase), FrequencyScale: float32(h.RopeFrequencyScale),
		},
		Queue: h.Queue, IgnoreMemory: h.IgnoreMemory,
	}
	for _, a := range h.Adapters {
		o.Adapters = append(o.Adapters, base.AdapterInfo{Path: a.Path, Scale: float32(a.Scale)})
	}
	return o
}

// inFolder returns path as seen from the working directory, when it was written in a file of folder.
func inFolder(folder, path string) string {
	if path == "" || folder == "." || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(folder, path)
}
