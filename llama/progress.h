// Load progress from C to Go.
#pragma once

#include <stdint.h>

#include <llama.h>

// Makes params report progress to kvasirLoadProgress with handle.
void kvasir_watch_load(struct llama_model_params *params, uintptr_t handle);
