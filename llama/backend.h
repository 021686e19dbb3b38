// Start-up of llama.cpp in this process: its log and what happens when it gives up.
#pragma once

// Initialises llama.cpp once. Errors and warnings of its log go to standard error, errors also to
// kvasirLogError; an assertion of its own prints one line and ends the process by SIGABRT.
void kvasir_backend_init(void);

// Gives memory that llama.cpp has freed back to the system, where the allocator would keep it.
void kvasir_trim(void);
