//go:build llama

#include "progress.h"

extern bool kvasirLoadProgress(float done, uintptr_t handle);

static bool on_progress(float done, void *data) { return kvasirLoadProgress(done, (uintptr_t) data); }

void kvasir_watch_load(struct llama_model_params *params, uintptr_t handle) {
    params->progress_callback = on_progress;
    params->progress_callback_user_data = (void *) handle;
}
