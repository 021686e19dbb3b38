package config

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"
)

// Flag is a command-line flag that sets what cache.toml sets too, and wins over it.
type Flag struct {
	Name  string // without dashes
	Key   string // the key it sets; that of a strategy has NAME for its name
	Usage string // for help, with the value's name between back quotes
	// Default is the value that means the key's default, as one would write it after the flag.
	Default string

	read func(string) (any, bool) // from text to what value.set takes
	want string                   // what read takes, where it is not what the key takes
}

const thresholdKey = "strategy.NAME.threshold"

// CacheFlags returns the flags of the cache, in the order of help.
func CacheFlags() []Flag { return slices.Clone(cacheFlags) }

var cacheFlags = []Flag{
	{"cache-persist", "cache.persist", "`on|off`: keep entries on disk, or in memory until the process ends",
		"on", readOnOff, "on or off"},
	{"cache-file", "cache.file", "`path` of a snapshot NAME.jsonl with the store NAME.db beside it, or of the store's folder",
		"./snapshot/llama_cache.jsonl", readPath, ""},
	{"cache-mode", "cache.mode", "`exact|approx`: serve equal requests only, or also alike ones",
		"approx", readText, "exact or approx"},
	{"cache-threshold", thresholdKey, "`score` from which an alike entry may answer, 0 to 1",
		"0.9", readNumber, ""},
	{"cache-max", "cache.max_entries", "most `entries` the cache keeps",
		"10000", readWhole, ""},
	{"cache-ttl-hours", "cache.ttl", "`hours` an entry may serve after it was stored; 0 is for ever",
		"72", readHours, fmt.Sprintf("0 or a number of hours up to %d, of at least a millisecond", maxDays*24)},
}

// hostFlags stand for keys of [host]. The command that has them describes them.
var hostFlags = []Flag{
	{Name: "host", Key: "host.program", read: readPath},
	{Name: "model", Key: "host.model", read: readPath},
	{Name: "context", Key: "host.context", read: readWhole},
	{Name: "threads", Key: "host.threads", read: readWhole},
	{Name: "flash-attention", Key: "host.flash_attention", read: readOnOff, want: "true or false"},
	{Name: "kv-type", Key: "host.kv_type", read: readText},
	{Name: "template", Key: "host.template", read: readText},
	{Name: "ignore-memory", Key: "host.ignore_memory", read: readOnOff, want: "true or false"},
	{Name: "rope-freq-base", Key: "host.rope_frequency_base", read: readNumber},
	{Name: "rope-freq-scale", Key: "host.rope_frequency_scale", read: readNumber},
	{Name: adapterFlag, Key: "host.adapter"},
}

// serverFlags stand for keys of [server]. The command that has them describes them.
var serverFlags = []Flag{
	{Name: "listen", Key: "server.listen", read: readText},
	{Name: "admin", Key: "server.admin", read: readText},
}

// adapterFlag takes FILE[=SCALE] and may be given several times.
const adapterFlag = "lora"

func findFlag(name string) *Flag {
	for _, list := range [][]Flag{cacheFlags, hostFlags, serverFlags} {
		if i := slices.IndexFunc(list, func(f Flag) bool { return f.Name == name }); i >= 0 {
			return &list[i]
		}
	}
	return nil
}

// HasFlag says whether Override knows a flag.
func HasFlag(name string) bool { return findFlag(name) != nil }

func readText(text string) (any, bool) { return text, true }

func readPath(text string) (any, bool) { return typed(text), true }

func readOnOff(text string) (any, bool) {
	switch text {
	case "on", "true":
		return true, true
	case "off", "false":
		return false, true
	}
	return nil, false
}

func readWhole(text string) (any, bool) {
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil
}

func readNumber(text string) (any, bool) {
	x, err := strconv.ParseFloat(text, 64)
	return x, err == nil
}

// readHours rounds to nanoseconds. A time so short that it would round to 0 is refused, since 0 is
// for ever.
func readHours(text string) (any, bool) {
	hours, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(hours) || math.Abs(hours) > maxDays*24 {
		return nil, false
	}
	d := time.Duration(math.Round(hours * float64(time.Hour)))
	return d, d != 0 || hours == 0
}
