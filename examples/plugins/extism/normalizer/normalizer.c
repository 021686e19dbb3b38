/* A plugin for Extism, written against its host functions. It lowers ASCII letters and writes each run of
 * ASCII white space as one blank, none at the ends. Input and output lie in the host's memory, which is
 * read and written a few bytes at a time. */
#include <stdint.h>

#define HOST(name) __attribute__((import_module("extism:host/env"), import_name(#name)))
#define EXPORT(name) __attribute__((export_name(#name)))

HOST(alloc) uint64_t extism_alloc(uint64_t n);
HOST(input_length) uint64_t extism_input_length(void);
HOST(input_load_u8) uint32_t extism_input_load_u8(uint64_t at);
HOST(store_u8) void extism_store_u8(uint64_t at, uint32_t byte);
HOST(output_set) void extism_output_set(uint64_t at, uint64_t n);

static int is_space(uint32_t c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

EXPORT(manifest) int32_t manifest(void) {
  static const char text[] = "{\"name\":\"ascii-lower\",\"version\":\"1.0.0\"}";
  uint64_t n = sizeof text - 1, at = extism_alloc(n);
  for (uint64_t i = 0; i < n; i++) extism_store_u8(at + i, (uint8_t)text[i]);
  extism_output_set(at, n);
  return 0;
}

EXPORT(normalize) int32_t normalize(void) {
  uint64_t n = extism_input_length(), at = extism_alloc(n), out = 0;
  int gap = 0;
  for (uint64_t i = 0; i < n; i++) {
    uint32_t c = extism_input_load_u8(i);
    if (is_space(c)) {
      gap = out > 0;
      continue;
    }
    if (gap) extism_store_u8(at + out++, ' ');
    gap = 0;
    extism_store_u8(at + out++, c >= 'A' && c <= 'Z' ? c | 0x20 : c);
  }
  extism_output_set(at, out);
  return 0;
}
