//go:build llama

#include "sampler.h"

#include <cmath>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <vector>

struct kvasir_sampler {
    llama_sampler *chain;
    llama_sampler *grammar;
    std::vector<llama_token_data> candidates; // reused from token to token
};

kvasir_sampler *kvasir_sampler_new(struct llama_sampler *chain, struct llama_sampler *grammar) {
    return new kvasir_sampler{chain, grammar, {}};
}

void kvasir_sampler_free(kvasir_sampler *s) {
    if (s->chain) {
        llama_sampler_free(s->chain);
    }
    if (s->grammar) {
        llama_sampler_free(s->grammar);
    }
    delete s;
}

void kvasir_sampler_prompt(kvasir_sampler *s, llama_token token) {
    if (s->chain) {
        llama_sampler_accept(s->chain, token);
    }
}

namespace {

// What the request asks for leaves no token to choose.
struct dead_end : std::runtime_error {
    using std::runtime_error::runtime_error;
};

llama_token likeliest(const float *logits, int32_t count) {
    int32_t best = 0;
    for (int32_t i = 1; i < count; i++) {
        if (logits[i] > logits[best]) {
            best = i;
        }
    }
    return best;
}

// Runs the grammar first if asked to, then the chain, over all tokens.
llama_token choose(kvasir_sampler *s, const float *logits, int32_t count, bool grammar_first) {
    s->candidates.resize(count);
    for (int32_t i = 0; i < count; i++) {
        s->candidates[i] = {i, logits[i], 0.0f};
    }
    llama_token_data_array all = {s->candidates.data(), s->candidates.size(), -1, false};
    if (grammar_first) {
        llama_sampler_apply(s->grammar, &all);
    }
    if (!s->chain) {
        llama_token_data best = all.data[0];
        for (size_t i = 1; i < all.size; i++) {
            if (all.data[i].logit > best.logit) {
                best = all.data[i];
            }
        }
        return best.id;
    }
    llama_sampler_apply(s->chain, &all);
    if (all.selected < 0) {
        throw dead_end("no token is left to choose");
    }
    const llama_token_data &chosen = all.data[all.selected];
    if (!std::isfinite(chosen.logit) || !std::isfinite(chosen.p)) {
        throw dead_end("the sampling parameters leave no probabilities that are numbers");
    }
    return chosen.id;
}

bool grammar_allows(llama_sampler *grammar, llama_token token) {
    llama_token_data one = {token, 1.0f, 0.0f};
    llama_token_data_array only = {&one, 1, -1, false};
    llama_sampler_apply(grammar, &only);
    return only.data[0].logit != -INFINITY;
}

// A grammar over the whole vocabulary is slow, so it is first asked about the one token that would
// be chosen without it.
llama_token next(kvasir_sampler *s, const float *logits, int32_t count) {
    if (!s->chain && !s->grammar) {
        return likeliest(logits, count);
    }
    llama_token token = choose(s, logits, count, false);
    if (s->grammar && !grammar_allows(s->grammar, token)) {
        token = choose(s, logits, count, true);
        if (!grammar_allows(s->grammar, token)) {
            throw dead_end("the grammar allows no token here");
        }
    }
    return token;
}

} // namespace

llama_token kvasir_sampler_next(kvasir_sampler *s, struct llama_context *ctx, int32_t index, kvasir_error *err) {
    *err = {};
    try {
        const float *logits = llama_get_logits_ith(ctx, index);
        if (!logits) {
            throw std::runtime_error("no logits were kept for this token");
        }
        const llama_vocab *vocab = llama_model_get_vocab(llama_get_model(ctx));
        const int32_t count = llama_vocab_n_tokens(vocab);
        if (!std::isfinite(logits[likeliest(logits, count)])) {
            throw std::runtime_error("the model computed logits that are not numbers");
        }
        const llama_token token = next(s, logits, count);
        if (s->chain) {
            llama_sampler_accept(s->chain, token);
        }
        if (s->grammar) {
            llama_sampler_accept(s->grammar, token);
        }
        return token;
    } catch (const dead_end &e) {
        std::snprintf(err->text, sizeof err->text, "%s", e.what());
        err->asked = true;
    } catch (const std::exception &e) {
        std::snprintf(err->text, sizeof err->text, "%s", e.what());
    } catch (...) {
        std::snprintf(err->text, sizeof err->text, "unknown C++ exception");
    }
    return LLAMA_TOKEN_NULL;
}

struct llama_sampler *kvasir_grammar(const struct llama_vocab *vocab, const char *text, kvasir_error *err) {
    err->text[0] = '\0';
    try {
        return llama_sampler_init_grammar(vocab, text, "root");
    } catch (const std::exception &e) {
        std::snprintf(err->text, sizeof err->text, "%s", e.what());
    } catch (...) {
        std::snprintf(err->text, sizeof err->text, "unknown C++ exception");
    }
    return nullptr;
}
