/* Lowers ASCII letters and writes each run of ASCII white space as one blank, none at the ends. */
#include "kvasir.h"

static int is_space(uint8_t c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

KVASIR_EXPORT(kvasir_init) uint64_t kvasir_init(const uint8_t *init, uint32_t n) {
  static const char manifest[] = "{\"name\":\"ascii-lower\",\"version\":\"1.0.0\"}";
  (void)init, (void)n;
  return kvasir_bytes(manifest, sizeof manifest - 1);
}

/* The text only gets shorter, so it is written over the input, which belongs to the guest. */
KVASIR_EXPORT(kvasir_normalize) uint64_t kvasir_normalize(uint8_t *text, uint32_t n) {
  uint32_t out = 0;
  int gap = 0;
  for (uint32_t i = 0; i < n; i++) {
    uint8_t c = text[i];
    if (is_space(c)) {
      gap = out > 0;
      continue;
    }
    if (gap) text[out++] = ' ';
    gap = 0;
    text[out++] = c >= 'A' && c <= 'Z' ? c | 0x20 : c;
  }
  return kvasir_bytes(text, out);
}
