package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// node is what may stand at one place of the file: a single value, a table or a list of tables.
type node struct {
	name string // the last part of the key
	key  string // the whole key, such as cache.max_entries
	head string // how messages call the table, such as [strategy.NAME]

	value  value       // of a single value
	doc    string      // of a single value: a sentence without a full stop
	hidden func() bool // of a single value that is listed only where it says no

	table    bool
	children []*node            // of a table
	named    func(string) *node // of a table of tables whose names the user chooses: makes one
	example  string             // of such a table: the line above one
	free     *free              // of a table that takes any keys, which has a value too, and of all below it

	added    func() *node // of a list of tables: appends one
	elements []*node
}

// tree lays the settings out over c, in the order of cache.toml. Values set in the tree are set in c.
func (c *Config) tree() *node {
	return &node{table: true, children: []*node{c.cacheNode(), c.strategiesNode(), c.pluginsNode(), c.kvNode(), c.hostNode(), c.upstreamNode(), c.serverNode(), c.tenantsNode()}}
}

// Limits of values. Those of the host are llama.cpp's.
const (
	maxEntries       = 1_000_000_000
	maxContext       = 1 << 24
	maxParallel      = 256
	maxThreads       = 512
	maxQueue         = 1_000_000
	maxCandidates    = 512
	maxFlushInterval = time.Minute
	minKVBytes       = 1 << 20
	minCacheBytes    = 1 << 20
	maxKVBytes       = 1 << 50
	maxPrefill       = time.Hour
)

var kvTypes = []string{"f16", "f32", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0"}

func (c *Config) cacheNode() *node {
	v := &c.Cache
	return table("cache", "[cache]", []*node{
		single("persist", boolValue{&v.Persist},
			"keep entries on disk; false keeps them in memory, until the process ends"),
		single("file", pathValue{p: &v.File, folder: c.folder, required: true},
			"where: NAME.jsonl is a snapshot with the store NAME.db beside it, any other path is the store's folder"),
		single("mode", choiceValue[Mode]{&v.Mode, []Mode{ModeExact, ModeApprox}},
			"serve only requests with the same normal form, or also those that differ in nothing that matters"),
		single("sampled", choiceValue[Sampled]{&v.Sampled, []Sampled{SampledBypass, SampledServe}},
			"requests with a temperature and no seed: compute each anew, or serve stored answers"),
		single("max_entries", intValue{p: &v.MaxEntries, low: 1, high: maxEntries},
			"most entries the cache keeps"),
		single("max_bytes", sizeValue{p: &v.MaxBytes, low: minCacheBytes, high: maxKVBytes},
			"most that entries hold together, before they are packed"),
		single("topic_keep", intValue{p: &v.TopicKeep, low: 1, high: maxEntries, zero: true},
			"entries of each topic, of those that have served, that go after all others when there is no room; 0 is none"),
		single("admit", choiceValue[Admit]{&v.Admit, []Admit{AdmitFirst, AdmitSecond}},
			"store an answer at once, or when its request comes a second time"),
		single("ttl", durationValue{p: &v.TTL, low: time.Millisecond, high: maxDays * day, zero: true},
			"how long an entry may serve after it was stored; 0 is for ever"),
		single("stale", durationValue{p: &v.Stale, low: time.Millisecond, high: maxDays * day, zero: true},
			"how long after that it still serves kvasir serve, which infers it anew meanwhile; 0 is not at all"),
		single("flush_interval", durationValue{p: &v.FlushInterval, low: time.Millisecond, high: maxFlushInterval},
			"how long writes are gathered before they go to disk together"),
		single("key_file", pathValue{p: &v.KeyFile, folder: c.folder},
			`file with the key that encrypts the store; "" is no encryption`),
		single("key_env", textValue{&v.KeyEnv},
			"environment variable with that key, instead of a file"),
		single("strategy", textValue{&v.Strategy},
			"which [strategy.NAME] decides what is alike"),
	})
}

func (c *Config) strategiesNode() *node {
	n := table("strategy", "[strategy]", nil)
	n.example = "[strategy.default]"
	for _, name := range slices.Sorted(maps.Keys(c.Strategies)) {
		n.children = append(n.children, strategyNode(name, c.Strategies[name]))
	}
	n.named = func(name string) *node {
		s := defaultStrategy()
		c.Strategies[name] = s
		child := strategyNode(name, s)
		n.children = append(n.children, child)
		return child
	}
	return n
}

func strategyNode(name string, s *Strategy) *node {
	return table("strategy."+name, "[strategy."+name+"]", []*node{
		single("normalize", listValue{p: &s.Normalize},
			"normalizers in their order: unicode, whitespace, case, punctuation, politeness, or plugins"),
		single("score", listValue{p: &s.Score},
			"scorers, of which the lowest counts: jaccard, containment, exact, or plugins"),
		single("floor", numberValue{p: &s.Floor, high: 1},
			"score from which an entry is a candidate"),
		single("guard", textValue{&s.Guard},
			"scorer that decides about candidates by how the texts differ: difference, a plugin, or off"),
		single("threshold", numberValue{p: &s.Threshold, high: 1},
			"what the guard has to reach, or the score where the guard is off"),
		single("candidates", intValue{p: &s.Candidates, low: 1, high: maxCandidates},
			"candidates that are judged at most"),
	})
}

func (c *Config) kvNode() *node {
	v := &c.KV
	return table("kv", "[kv]", []*node{
		single("enabled", boolValue{&v.Enabled},
			"save the model's state, and go on from it where a prompt begins like an earlier one"),
		single("dir", pathValue{p: &v.Dir, folder: c.folder},
			`folder of the saved state; "" is kv in the folder of the store`),
		single("max_bytes", sizeValue{p: &v.MaxBytes, low: minKVBytes, high: maxKVBytes},
			"most that saved state takes on disk"),
		single("min_prefill", durationValue{p: &v.MinPrefill, low: time.Millisecond, high: maxPrefill, zero: true},
			"prompts that take less to read are saved when they come again; 0 saves all at once"),
		single("answers", choiceValue[Answers]{&v.Answers, []Answers{AnswersRecompute, AnswersDecoded, AnswersOff}},
			"state of answers: read them again when idle and save that, save what decoding left, or neither"),
		single("identity", choiceValue[Identity]{&v.Identity, []Identity{IdentityBitwise, IdentityClose}},
			"with flash attention, go on only where the result has the same bits, or anywhere"),
	})
}

func (c *Config) hostNode() *node {
	v := &c.Host
	return table("host", "[host]", []*node{
		single("kind", choiceValue[HostKind]{&v.Kind, []HostKind{HostLlama, HostOpenAI}},
			"who answers: llama.cpp on this machine, or a server that speaks OpenAI's API, which [upstream] describes"),
		single("program", pathValue{p: &v.Program, folder: c.folder, program: true},
			`the inference host; "" is kvasir-llama beside kvasir, then on the PATH`),
		single("model", pathValue{p: &v.Model, folder: c.folder},
			`GGUF file, the first one of a split model; "" is atlas, which comes with kvasir`),
		single("context", intValue{p: &v.Context, low: 2, high: maxContext, zero: true},
			"tokens of prompt and answer together; 0 is 4096, or the model's own limit if that is lower"),
		single("parallel", intValue{p: &v.Parallel, low: 1, high: maxParallel},
			"requests answered at once, each with memory for its own context"),
		single("threads", intValue{p: &v.Threads, low: 1, high: maxThreads, zero: true},
			"threads of the model; 0 is one for each processor"),
		single("flash_attention", boolValue{&v.FlashAttention},
			"use flash attention; quantised KV types need it"),
		single("kv_type", choiceValue[string]{&v.KVType, kvTypes},
			"type of the KV memory"),
		single("template", textValue{&v.Template},
			`chat template, a name llama.cpp knows or the text of one; "" is the model's own`),
		single("queue", intValue{p: &v.Queue, low: 1, high: maxQueue},
			"requests that may wait for a free place"),
		single("temperature", numberValue{p: &v.Temperature, high: 100},
			"of requests that name none; 0 takes the likeliest token every time"),
		single("ignore_memory", boolValue{&v.IgnoreMemory},
			"load a model even if it does not seem to fit into memory"),
		single("rope_frequency_base", numberValue{p: &v.RopeFrequencyBase, low: 1, high: 1e12, zero: true},
			"RoPE base frequency; 0 is the model's own"),
		single("rope_frequency_scale", numberValue{p: &v.RopeFrequencyScale, low: 1e-6, high: 1000, zero: true},
			"RoPE frequency scale; 0 is the model's own"),
		c.adaptersNode(),
	})
}

func (c *Config) adaptersNode() *node {
	n := &node{name: "adapter", head: adapterHead}
	for i := range c.Host.Adapters {
		n.elements = append(n.elements, c.adapterNode(i))
	}
	n.added = func() *node {
		c.Host.Adapters = append(c.Host.Adapters, Adapter{Scale: 1})
		child := c.adapterNode(len(n.elements))
		n.elements = append(n.elements, child)
		return child
	}
	return n
}

const adapterHead = "[[host.adapter]]"

// adapterNode is for the element that was added last, or for a list that grows no more: appending
// moves the elements.
func (c *Config) adapterNode(i int) *node {
	return adapterNode(fmt.Sprintf("host.adapter[%d]", i), &c.Host.Adapters[i], c.folder)
}

func adapterNode(key string, a *Adapter, folder string) *node {
	return table(key, adapterHead, []*node{
		single("path", pathValue{p: &a.Path, folder: folder, required: true},
			"LoRA adapter, a GGUF file made for the model"),
		single("scale", numberValue{p: &a.Scale, low: -1000, high: 1000, notZero: true},
			"how strongly the adapter is applied; 1 is as it was trained"),
	})
}

func single(name string, v value, doc string) *node {
	return &node{name: name, value: v, doc: doc}
}

func table(key, head string, children []*node) *node {
	n := &node{name: key[strings.LastIndexByte(key, '.')+1:], key: key, head: head, table: true, children: children}
	for _, child := range children {
		if child.key == "" {
			child.key = key + "." + child.name
		}
	}
	return n
}

// child returns the child of a table with this name, or nil.
func (n *node) child(name string) *node {
	for _, child := range n.children {
		if child.name == name {
			return child
		}
	}
	return nil
}

// isList says whether n takes a list of texts.
func (n *node) isList() bool {
	_, ok := n.value.(listValue)
	return ok
}

// leaves calls f for every single value in and below n, in order.
func (n *node) leaves(f func(*node)) {
	if n.value != nil && (n.hidden == nil || !n.hidden()) {
		f(n)
	}
	for _, child := range slices.Concat(n.children, n.elements) {
		child.leaves(f)
	}
}

// find returns the single value with this key, or nil.
func (n *node) find(key string) *node {
	var found *node
	n.leaves(func(leaf *node) {
		if leaf.key == key {
			found = leaf
		}
	})
	return found
}

// want says what should stand at a place.
func (n *node) want() string {
	switch {
	case n.value != nil && !n.table:
		return n.value.want()
	case n.added != nil:
		return "a list of tables, each below a line " + n.head
	case n.named != nil:
		return "tables with names, such as " + n.example
	}
	return "a table, below a line " + n.head
}
