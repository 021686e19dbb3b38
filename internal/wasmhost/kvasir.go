package wasmhost

import (
	"math"
	"unicode/utf8"

	"github.com/kvasir-cache/kvasir/hostapi"
)

// kvasirFuncs are the host functions of the contract. Those that give bytes have (buf, cap) for last
// parameters: they return how many bytes there are, and write them if cap is enough. They return -1 where
// there is nothing, or where an argument has no meaning. Memory that the guest does not have ends the call.
var kvasirFuncs = []hostFunc{
	{"log", values(i32, i32, i32), nil, "", hostLog},
	{"error_set", values(i32, i32), nil, "", hostErrorSet},
	{"config_get", values(i32, i32, i32, i32), values(i32), "", hostConfigGet},
	{"metric_add", values(i32, i32, f64), nil, "", hostMetricAdd},
	{"text_fold", values(i32, i32, i32, i32, i32), values(i32), "", hostTextFold},
	{"ngrams", values(i32, i32, i32, i32, i32, i32, i32), values(i32), "", hostNgrams},
	{"ngram_jaccard", values(i32, i32, i32, i32, i32, i32, i32), values(i32), "", hostNgramJaccard},
	{"set_jaccard", values(i32, i32, i32, i32), values(i32), "", hostSetJaccard},
	{"tokenize", values(i32, i32, i32, i32), values(i32), hostapi.GrantTokenize, hostTokenize},
	{"kv_get", values(i32, i32, i32, i32), values(i32), hostapi.GrantKV, hostKVGet},
	{"kv_put", values(i32, i32, i32, i32), values(i32), hostapi.GrantKV, hostKVPut},
	{"now_ms", nil, values(i64), hostapi.GrantNow, hostNow},
	{"random", values(i32, i32), nil, hostapi.GrantRandom, hostRandom},
}

// none is -1 as an i32.
const none = math.MaxUint32

// What host functions charge. A step is about 8 ns, and the prices are near the worst case rather than the
// common one.
const (
	stepsCall      = 8    // any host function: leaving compiled code and coming back
	bytesCopied    = 4096 // a step
	stepsLog       = 200  // a line
	stepsMetric    = 8
	bytesFolded    = 2 // a step
	bytesHashed    = 1 // a step, for each n
	numbersMatched = 4 // a step
	stepsService   = 1000
	bytesTokenized = 1 // a step
)

// maxKey bounds a key of config_get, kv_get and kv_put, and maxValue a value.
const (
	maxKey   = 256
	maxValue = 64 << 10
)

func (in *instance) charge(steps uint64) { in.budget.charge(in, steps) }

// put writes out into the guest's buffer if it has room, and returns what the host function does.
func (in *instance) put(what string, out []byte, buf, capacity uint64) uint64 {
	if uint64(len(out)) <= uint64(uint32(capacity)) {
		in.charge(uint64(len(out)) / bytesCopied)
		copy(in.arg(what, buf, uint64(len(out))), out)
	}
	return uint64(uint32(len(out)))
}

// text reads a text of at most limit bytes. ok is false where it is longer or no UTF-8.
func (in *instance) text(what string, ptr, n uint64, limit int) (text []byte, ok bool) {
	b := in.arg(what, ptr, n)
	if len(b) > limit {
		return nil, false
	}
	in.charge(stepsCall + uint64(len(b))/bytesCopied)
	return b, utf8.Valid(b)
}

func hostLog(in *instance, s []uint64) {
	in.charge(stepsLog)
	b := in.arg("log", s[1], s[2])
	in.plugin.log.guest(levelOf(uint32(s[0])), b)
}

func hostErrorSet(in *instance, s []uint64) {
	in.charge(stepsLog)
	b := in.arg("error_set", s[0], s[1])
	in.said = cut(string(b[:min(len(b), hostapi.MaxMessage)]), hostapi.MaxMessage)
}

func hostConfigGet(in *instance, s []uint64) {
	key, ok := in.text("config_get", s[0], s[1], maxKey)
	value, found := in.plugin.config[string(key)]
	if !ok || !found {
		s[0] = none
		return
	}
	s[0] = in.put("config_get", []byte(value), s[2], s[3])
}

// maxMetrics bounds how many numbers a plugin counts, so that names made of data do no harm.
const maxMetrics = 64

func hostMetricAdd(in *instance, s []uint64) {
	in.charge(stepsMetric)
	name, ok := in.text("metric_add", s[0], s[1], hostapi.MaxLabel)
	if v := math.Float64frombits(s[2]); ok && !math.IsNaN(v) && !math.IsInf(v, 0) {
		in.plugin.addMetric(name, v)
	}
}

// addMetric adds to a number. A name that is one too many, or no identifier, is left out.
func (p *Plugin) addMetric(name []byte, v float64) {
	if !identifier(name) {
		return
	}
	p.metrics.Lock()
	defer p.metrics.Unlock()
	if sum := p.metrics.sums[string(name)]; sum != nil { // the lookup makes no string
		*sum = min(max(*sum+v, -math.MaxFloat64), math.MaxFloat64) // JSON has no infinity
	} else if len(p.metrics.sums) < maxMetrics {
		p.metrics.sums[string(name)] = &v
	}
}

// identifier reports whether name can be part of a metric's name: letters, digits and underscores.
func identifier(name []byte) bool {
	for _, c := range name {
		if c != '_' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return len(name) > 0
}
