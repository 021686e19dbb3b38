// Calls into llama.cpp that may throw, wrapped so that no C++ exception reaches Go.
// Each returns its own failure value and writes the exception's text to err.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <llama.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    char text[512]; // empty when the call did not throw
    bool asked;     // what the request asked for is at fault (samplers only)
} kvasir_error;

// The value of a guarded call that threw, where the call itself never returns it.
#define KVASIR_THREW INT32_MIN

int32_t kvasir_tokenize(const struct llama_vocab *vocab, const char *text, int32_t length, llama_token *tokens,
                        int32_t capacity, bool add_special, bool parse_special, kvasir_error *err);
int32_t kvasir_apply_template(const char *tmpl, const struct llama_chat_message *chat, size_t count, bool add_assistant,
                              char *buf, int32_t length, kvasir_error *err);
int32_t kvasir_decode(struct llama_context *ctx, struct llama_batch batch, kvasir_error *err);
size_t kvasir_state_get(struct llama_context *ctx, uint8_t *dst, size_t size, llama_seq_id seq,
                        llama_state_seq_flags flags, kvasir_error *err);
size_t kvasir_state_set(struct llama_context *ctx, const uint8_t *src, size_t size, llama_seq_id seq, kvasir_error *err);

#ifdef __cplusplus
}
#endif
