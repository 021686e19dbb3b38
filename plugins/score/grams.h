/* What the scorers by n-grams read from their configuration, and the manifest they answer with. */
#ifndef GRAMS_H
#define GRAMS_H

#include "kvasir.h"

static uint32_t unit = KVASIR_CHAR, least = 2, largest = 3;
static char decimals[32]; /* the floor as the configuration writes it */
static uint32_t decimals_n;

static int same_text(const char *a, const char *b, uint32_t n) {
  for (uint32_t i = 0; i < n; i++) {
    if (!b[i] || a[i] != b[i]) return 0;
  }
  return b[n] == 0;
}

/* get reads a value, and returns its length, or -1 if there is none. One that is too long is as an empty one. */
static int32_t get(const char *key, char *buf, uint32_t cap) {
  uint32_t n = 0;
  while (key[n]) n++;
  int32_t size = kvasir_config_get(key, n, buf, cap);
  return size > (int32_t)cap ? 0 : size;
}

static int read_unit(void) {
  char value[8];
  int32_t n = get("unit", value, sizeof value);
  if (n < 0 || same_text(value, "char", (uint32_t)n)) return 1;
  if (!same_text(value, "word", (uint32_t)n)) return 0;
  unit = KVASIR_WORD;
  least = 1, largest = 2;
  return 1;
}

/* read_n reads a digit from 1 to 8. */
static int read_n(const char *key, uint32_t *to) {
  char value[8];
  int32_t n = get(key, value, sizeof value);
  if (n < 0) return 1;
  if (n != 1 || value[0] < '1' || value[0] > '8') return 0;
  *to = (uint32_t)(value[0] - '0');
  return 1;
}

/* read_floor keeps a number as it is written. The host looks whether it is from 0 to 1. */
static int read_floor(void) {
  int32_t n = get("floor", decimals, sizeof decimals);
  decimals_n = n < 0 ? 0 : (uint32_t)n;
  for (uint32_t i = 0; i < decimals_n; i++) {
    if ((decimals[i] < '0' || decimals[i] > '9') && decimals[i] != '.') return 0;
  }
  return n != 0;
}

/* read_config returns what is wrong with the configuration, or 0. */
static const char *read_config(void) {
  if (!read_unit()) return "config: unit is neither char nor word";
  if (!read_n("min", &least)) return "config: min is no whole number from 1 to 8";
  if (!read_n("max", &largest)) return "config: max is no whole number from 1 to 8";
  if (largest < least) return "config: max is less than min";
  if (!read_floor()) return "config: floor is no number such as 0.7";
  return 0;
}

static char manifest[256];
static uint32_t manifest_n;

static void add(const char *text) {
  while (*text) manifest[manifest_n++] = *text++;
}

static inline void add_digit(uint32_t n) { manifest[manifest_n++] = (char)('0' + n); }

/* add_index writes the index that is configured. */
static inline void add_index(void) {
  add("{\"unit\":\"");
  add(unit == KVASIR_CHAR ? "char" : "word");
  add("\",\"min\":");
  add_digit(least);
  add(",\"max\":");
  add_digit(largest);
  add(",\"floor\":");
  if (!decimals_n) add(unit == KVASIR_CHAR ? "0.7" : "0.5");
  for (uint32_t i = 0; i < decimals_n; i++) manifest[manifest_n++] = decimals[i];
  add("}");
}

#endif
