// Stopping a running llama_decode from another thread.
#pragma once

#include <stdint.h>

#include <llama.h>

// A decode ends early when aborted equals running. Naming the call keeps a late request to abort
// one call from stopping the next. Both fields are accessed atomically.
typedef struct {
    int64_t running;
    int64_t aborted;
} kvasir_abort;

// Makes contexts opened with params look at state, which must outlive them.
void kvasir_watch_abort(struct llama_context_params *params, kvasir_abort *state);
