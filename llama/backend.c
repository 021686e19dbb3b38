//go:build llama

#include "backend.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <ggml.h>
#include <llama.h>

extern void kvasirLogError(char *text);

// A continued line has the level of the line it continues.
static void log_line(enum ggml_log_level level, const char *text, void *data) {
    (void) data;
    static __thread enum ggml_log_level last = GGML_LOG_LEVEL_INFO;
    if (level != GGML_LOG_LEVEL_CONT) {
        last = level;
    }
    if (last < GGML_LOG_LEVEL_WARN || last == GGML_LOG_LEVEL_CONT) {
        return;
    }
    fputs(text, stderr);
    if (last == GGML_LOG_LEVEL_ERROR) {
        kvasirLogError((char *) text);
    }
}

// Go's handler would print every goroutine; the default action ends the process at once.
static void on_abort(const char *message) {
    fprintf(stderr, "%s\n", message); // file:line: what failed; the supervisor quotes it
    fflush(stderr);
    signal(SIGABRT, SIG_DFL);
}

void kvasir_backend_init(void) {
    llama_log_set(log_line, NULL);
    ggml_set_abort_callback(on_abort);
    llama_backend_init();
}

void kvasir_trim(void) {
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}
