//go:build llama

package llama

/*
#include <stdlib.h>
#include <llama.h>
#include "sampler.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"math"
	"unsafe"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// Sampler chooses the tokens of one answer. It belongs to one goroutine at a time.
type Sampler struct {
	ptr *C.kvasir_sampler
	ctx *Context
}

const defaultRepeatLastN = 64

// NewSampler makes a sampler for one request. The prompt's last tokens count for the penalties.
// The order is: logit bias, penalties, then either the likeliest token, or top-k, top-p, min-p,
// temperature and a draw; this is llama.cpp's own default order. A grammar overrules the choice.
func (c *Context) NewSampler(s *base.Sampling, prompt []base.Token) (*Sampler, error) {
	grammar, err := c.grammar(s.Grammar)
	if err != nil {
		return nil, err
	}
	chain, err := c.chain(s)
	if err != nil {
		if grammar != nil {
			C.llama_sampler_free(grammar)
		}
		return nil, err
	}
	sampler := &Sampler{ptr: C.kvasir_sampler_new(chain, grammar), ctx: c}
	if n := c.repeatLastN(s); chain != nil {
		for _, t := range prompt[max(0, len(prompt)-n):] {
			C.kvasir_sampler_prompt(sampler.ptr, C.llama_token(t))
		}
	}
	return sampler, nil
}

// Close frees the sampler. It is safe to call twice.
func (s *Sampler) Close() {
	if s.ptr != nil {
		C.kvasir_sampler_free(s.ptr)
		s.ptr = nil
	}
}

// Next chooses a token from the logits of the i-th token of the last batch, and remembers it. It fails
// with ErrInvalid when the request's parameters leave nothing to choose, and with another error when
// the logits are not numbers.
func (s *Sampler) Next(i int) (base.Token, error) {
	var thrown C.kvasir_error
	token := C.kvasir_sampler_next(s.ptr, s.ctx.ptr, C.int32_t(i), &thrown)
	if token == C.LLAMA_TOKEN_NULL {
		return 0, samplingError(orUnknown(C.GoString(&thrown.text[0])), bool(thrown.asked))
	}
	return base.Token(token), nil
}

// repeatLastN is how many tokens the penalties look at. llama.cpp reserves memory for all of them, so
// a request gets no more than a context can hold.
func (c *Context) repeatLastN(s *base.Sampling) int {
	if s.RepeatLastN == 0 {
		return defaultRepeatLastN
	}
	return min(s.RepeatLastN, c.Size())
}

// samplingError is an ErrInvalid if what the request asked for leaves no token to choose.
func samplingError(reason string, asked bool) error {
	if asked {
		return &base.Error{Sentinel: base.ErrInvalid, Message: "sampling: " + reason}
	}
	return errors.New("sampling: " + reason)
}

// grammar parses GBNF text; no text gives no grammar.
//
//	struct llama_sampler * llama_sampler_init_grammar(const struct llama_vocab * vocab, const char * grammar_str, const char * grammar_root);
func (c *Context) grammar(text string) (*C.struct_llama_sampler, error) {
	if text == "" {
		return nil, nil
	}
	takeLogTail()
	ctext := C.CString(text)
	defer C.free(unsafe.Pointer(ctext))
	var thrown C.kvasir_error
	g := C.kvasir_grammar(c.model.vocab, ctext, &thrown)
	if g == nil {
		reason := C.GoString(&thrown.text[0])
		if reason == "" {
			reason = orUnknown(takeLogTail())
		}
		return nil, &base.Error{Sentinel: base.ErrInvalid, Message: "the grammar does not parse: " + reason}
	}
	return g, nil
}

// chain builds the samplers, or returns nil when the likeliest token is all that is asked for.
func (c *Context) chain(s *base.Sampling) (*C.struct_llama_sampler, error) {
	biases, err := c.biases(s.LogitBias)
	if err != nil {
		return nil, err
	}
	penalties := (s.RepeatPenalty != 0 && s.RepeatPenalty != 1) || s.FrequencyPenalty != 0 || s.PresencePenalty != 0
	greedy := s.Temperature == 0
	if greedy && len(biases) == 0 && !penalties {
		return nil, nil
	}
	chain := C.llama_sampler_chain_init(C.llama_sampler_chain_default_params())
	add := func(next *C.struct_llama_sampler) { C.llama_sampler_chain_add(chain, next) }
	n := C.int32_t(c.model.VocabularySize())
	if len(biases) > 0 {
		add(C.llama_sampler_init_logit_bias(n, C.int32_t(len(biases)), &biases[0]))
	}
	if penalties {
		repeat := s.RepeatPenalty
		if repeat == 0 {
			repeat = 1
		}
		add(C.llama_sampler_init_penalties(n, C.int32_t(c.repeatLastN(s)), C.float(repeat), C.float(s.FrequencyPenalty), C.float(s.PresencePenalty)))
	}
	if greedy {
		add(C.llama_sampler_init_greedy())
		return chain, nil
	}
	addDraw(add, s)
	return chain, nil
}

// addDraw adds the samplers of a request that draws its tokens.
func addDraw(add func(*C.struct_llama_sampler), s *base.Sampling) {
	if s.TopK > 0 {
		add(C.llama_sampler_init_top_k(C.int32_t(s.TopK)))
	}
	if s.TopP > 0 && s.TopP < 1 {
		add(C.llama_sampler_init_top_p(C.float(s.TopP), 1))
	}
	if s.MinP > 0 {
		add(C.llama_sampler_init_min_p(C.float(s.MinP), 1))
	}
	add(C.llama_sampler_init_temp(C.float(s.Temperature)))
	seed := C.uint32_t(C.LLAMA_DEFAULT_SEED) // a new one each time
	if s.Seed != nil {
		seed = C.uint32_t(*s.Seed)
		if seed == C.LLAMA_DEFAULT_SEED {
			seed-- // that value means a random seed to llama.cpp
		}
	}
	add(C.llama_sampler_init_dist(seed))
}

// biases joins the request's biases and the tokens the model never wants sampled.
func (c *Context) biases(asked []base.LogitBias) ([]C.llama_logit_bias, error) {
	var list []C.llama_logit_bias
	for _, b := range asked {
		if b.Token < 0 || int(b.Token) >= c.model.VocabularySize() {
			return nil, &base.Error{Sentinel: base.ErrInvalid,
				Message: fmt.Sprintf("logit bias names token %d; the vocabulary has %d tokens", b.Token, c.model.VocabularySize())}
		}
		list = append(list, C.llama_logit_bias{token: C.llama_token(b.Token), bias: C.float(b.Bias)})
	}
	for _, t := range c.model.suppressed() {
		list = append(list, C.llama_logit_bias{token: C.llama_token(t), bias: C.float(math.Inf(-1))})
	}
	return list, nil
}
