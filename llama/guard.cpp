//go:build llama

#include "guard.h"

#include <cstdio>
#include <exception>

namespace {

// Runs call and returns its value; an exception becomes text in err and the value threw.
template <typename Value, typename Call> Value guarded(kvasir_error *err, Value threw, Call call) {
    err->text[0] = '\0';
    try {
        return call();
    } catch (const std::exception &e) {
        std::snprintf(err->text, sizeof err->text, "%s", e.what());
    } catch (...) {
        std::snprintf(err->text, sizeof err->text, "unknown C++ exception");
    }
    return threw;
}

} // namespace

int32_t kvasir_tokenize(const struct llama_vocab *vocab, const char *text, int32_t length, llama_token *tokens,
                        int32_t capacity, bool add_special, bool parse_special, kvasir_error *err) {
    return guarded(err, KVASIR_THREW, [&] {
        return llama_tokenize(vocab, text, length, tokens, capacity, add_special, parse_special);
    });
}

int32_t kvasir_apply_template(const char *tmpl, const struct llama_chat_message *chat, size_t count, bool add_assistant,
                              char *buf, int32_t length, kvasir_error *err) {
    return guarded(err, KVASIR_THREW, [&] {
        return llama_chat_apply_template(tmpl, chat, count, add_assistant, buf, length);
    });
}

int32_t kvasir_decode(struct llama_context *ctx, struct llama_batch batch, kvasir_error *err) {
    return guarded(err, KVASIR_THREW, [&] { return llama_decode(ctx, batch); });
}

size_t kvasir_state_get(struct llama_context *ctx, uint8_t *dst, size_t size, llama_seq_id seq,
                        llama_state_seq_flags flags, kvasir_error *err) {
    return guarded(err, size_t(0), [&] { return llama_state_seq_get_data_ext(ctx, dst, size, seq, flags); });
}

size_t kvasir_state_set(struct llama_context *ctx, const uint8_t *src, size_t size, llama_seq_id seq, kvasir_error *err) {
    return guarded(err, size_t(0), [&] { return llama_state_seq_set_data(ctx, src, size, seq); });
}
