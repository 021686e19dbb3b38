package fingerprint

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// Labels of the hashes. A change of what is hashed, or how, needs a new number.
const (
	modelLabel = "kvasir model id 1"
	stateLabel = "kvasir state id 1"

	upstreamLabel = "kvasir upstream id 1"
)

// ModelParts is what decides a model's answers.
type ModelParts struct {
	SHA256   string             // hex, over the content of the GGUF file or files
	Template string             // the chat template in force; empty if there is none
	Adapters []base.AdapterInfo // SHA256 and Scale count, and their order; a Scale of 0 means 1
	Rope     base.Rope          // overrides; 0 means the model's own
}

// PartsOf returns the parts of a loaded model.
func PartsOf(info *base.Info) ModelParts {
	return ModelParts{SHA256: info.Model.SHA256, Template: info.Template, Adapters: info.Adapters, Rope: info.Rope}
}

// Validate reports every hash that is not the lower-case hex of a SHA-256. Without it, two models
// of unknown content would be one. Errors wrap base.ErrModel.
func (p ModelParts) Validate() error {
	var problems []error
	check := func(of, sum string) {
		if !isHex(sum, sha256.Size) {
			problems = append(problems, &base.Error{Sentinel: base.ErrModel,
				Message: fmt.Sprintf("%s has no usable content hash: %q is not a SHA-256 in hex", of, clip(sum))})
		}
	}
	check("the model", p.SHA256)
	for i, a := range p.Adapters {
		check(fmt.Sprintf("adapter %d", i), a.SHA256)
	}
	return errors.Join(problems...)
}

// ModelID names a model as it answers: its content, template, adapters and RoPE overrides. Where
// the files lie, what they are called and what runs them is not in it. The caller has validated p.
func ModelID(p ModelParts) ID {
	pre := newPreimage(modelLabel)
	pre.text(p.SHA256)
	pre.text(p.Template)
	pre.float(p.Rope.FrequencyBase)
	pre.float(p.Rope.FrequencyScale)
	pre.number(len(p.Adapters))
	for _, a := range p.Adapters {
		pre.text(a.SHA256)
		pre.float(scaleOf(a))
	}
	return pre.hash()
}

// UpstreamID names the model of an upstream: what it is called there, and where that is. Whether it still is
// the same model, only the upstream knows.
func UpstreamID(url, model string) ID {
	pre := newPreimage(upstreamLabel)
	pre.text(url)
	pre.text(model)
	return pre.hash()
}

func scaleOf(a base.AdapterInfo) float32 {
	if a.Scale == 0 {
		return 1
	}
	return a.Scale
}

// StateID names the bits of saved state: the model id and everything of the build, the processor
// and the context that changes a computed value. Context length and number of requests at once do
// not: a request computes the same in any slot.
func StateID(info *base.Info) ID {
	model, r := ModelID(PartsOf(info)), &info.Runtime
	pre := newPreimage(stateLabel)
	pre.bytes(model[:])
	pre.text(r.Backend)
	pre.text(r.SourceTree)
	pre.text(r.BuildFlags)
	pre.list(sortedSet(r.CPUFeatures))
	pre.list(sortedSet(r.Environment))
	pre.text(r.KVTypeK)
	pre.text(r.KVTypeV)
	pre.number(oneIf(r.FlashAttention))
	pre.number(r.Threads)
	pre.number(r.BatchThreads)
	pre.text(info.Model.Tokenizer)
	return pre.hash()
}

func oneIf(set bool) int {
	if set {
		return 1
	}
	return 0
}

// sortedSet returns the different values of list in ascending order of their bytes.
func sortedSet(list []string) []string {
	sorted := slices.Clone(list)
	slices.Sort(sorted)
	return slices.Compact(sorted)
}
