// A request's sampler: a chain that ends in a choice, and a grammar beside it.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <llama.h>

#include "guard.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct kvasir_sampler kvasir_sampler;

// Takes ownership of chain and grammar. A null chain chooses the likeliest token; a null grammar
// allows all.
kvasir_sampler *kvasir_sampler_new(struct llama_sampler *chain, struct llama_sampler *grammar);
void kvasir_sampler_free(kvasir_sampler *s);

// Tells the chain about a token of the prompt; the grammar does not apply to it.
void kvasir_sampler_prompt(kvasir_sampler *s, llama_token token);

// Chooses a token from the logits of output index and remembers it. LLAMA_TOKEN_NULL means failure,
// described in err: a grammar that threw, or logits that are not numbers.
llama_token kvasir_sampler_next(kvasir_sampler *s, struct llama_context *ctx, int32_t index, kvasir_error *err);

// llama_sampler_init_grammar with exceptions as text in err; null on failure.
struct llama_sampler *kvasir_grammar(const struct llama_vocab *vocab, const char *text, kvasir_error *err);

#ifdef __cplusplus
}
#endif
