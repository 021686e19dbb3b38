//go:build llama

#include "abort.h"

static bool should_abort(void *data) {
    kvasir_abort *state = data;
    return __atomic_load_n(&state->aborted, __ATOMIC_RELAXED) == __atomic_load_n(&state->running, __ATOMIC_RELAXED);
}

void kvasir_watch_abort(struct llama_context_params *params, kvasir_abort *state) {
    state->aborted = -1;
    params->abort_callback = should_abort;
    params->abort_callback_data = state;
}
