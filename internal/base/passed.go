package base

import (
	"encoding/json"
	"unicode/utf8"
)

// Passed is a field of a request's JSON that an upstream gets as it came, since nothing here knows what it
// means. A host that is no upstream refuses requests that have any.
type Passed struct {
	Message int // of which message it is a field, from 1 on; 0 is the request itself
	Name    string
	Value   string // JSON
}

// Limits on what is passed on, beside that of the body.
const (
	MaxPassed     = 4096
	MaxPassedName = 256 // bytes
)

// neutral are fields of a request that say whom it is from, how it is filed or which name a limit has. None of
// them changes an answer.
var neutral = map[string]bool{
	"user": true, "metadata": true, "safety_identifier": true, "store": true, "service_tier": true,
	"prompt_cache_key": true, "prompt_cache_retention": true, "max_completion_tokens": true,
}

// Neutral reports whether the field cannot change the answer. All that are not known may.
func (p Passed) Neutral() bool { return p.Message == 0 && neutral[p.Name] }

func (p Passed) valid(messages int) bool {
	return p.Name != "" && len(p.Name) <= MaxPassedName && utf8.ValidString(p.Name) &&
		p.Message >= 0 && p.Message <= messages && utf8.ValidString(p.Value) && json.Valid([]byte(p.Value))
}
