/* Runs the built-in normalizers as native code, to compare with: the same sources, built for this machine.
 *
 *   native PROMPT N    prints the normal form and the nanoseconds of one chain, the least of N rounds
 *
 * Pointers of the contract have 32 bits, so this is linked without PIE: all memory is low. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define EACH(f) f(unicode) f(whitespace) f(case) f(punctuation) f(politeness)

#define DECLARE(p)                                          \
  uint64_t p##_kvasir_init(const uint8_t *init, uint32_t n); \
  void *p##_kvasir_alloc(uint32_t n);                        \
  uint64_t p##_kvasir_normalize(uint8_t *text, uint32_t n);
EACH(DECLARE)

static const struct {
  uint64_t (*init)(const uint8_t *, uint32_t);
  void *(*alloc)(uint32_t);
  uint64_t (*normalize)(uint8_t *, uint32_t);
} chain[] = {
#define ROW(p) {p##_kvasir_init, p##_kvasir_alloc, p##_kvasir_normalize},
    EACH(ROW)};

/* The prompts of the benchmark are ASCII, and what else the host offers is not used. */
static int32_t no_host(void) { fputs("native: a host function was called\n", stderr), exit(1); }
int32_t kvasir_text_fold(uint32_t a, const void *b, uint32_t c, void *d, uint32_t e) {
  (void)a, (void)b, (void)c, (void)d, (void)e;
  return no_host();
}
void kvasir_error_set(const char *text, uint32_t n) { fprintf(stderr, "native: %.*s\n", (int)n, text), exit(1); }

static uint8_t text[1 << 16];

static uint32_t normalize(const char *prompt, uint32_t n) {
  memcpy(text, prompt, n);
  for (unsigned i = 0; i < sizeof chain / sizeof *chain; i++) {
    uint8_t *in = chain[i].alloc(n);
    memcpy(in, text, n);
    uint64_t out = chain[i].normalize(in, n);
    n = (uint32_t)out;
    memcpy(text, (const void *)(uintptr_t)(out >> 32), n);
  }
  return n;
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e9 + t.tv_nsec;
}

int main(int argc, char **argv) {
  if (argc != 3 || strlen(argv[1]) >= sizeof text) return 2;
  for (unsigned i = 0; i < sizeof chain / sizeof *chain; i++) chain[i].init((const uint8_t *)"", 0);
  uint32_t n = strlen(argv[1]), size = 0;
  double best = 1e18;
  for (int round = atoi(argv[2]); round > 0; round--) {
    enum { CALLS = 100 };
    double began = now();
    for (int i = 0; i < CALLS; i++) size = normalize(argv[1], n);
    double took = (now() - began) / CALLS;
    if (took < best) best = took;
  }
  printf("%.*s\n%.0f\n", (int)size, text, best);
}
