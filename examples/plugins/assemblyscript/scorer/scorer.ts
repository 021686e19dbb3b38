// Scores by trigrams: the share that two texts have in common of the runs of three characters in either.
// A text of fewer than three characters is one gram.

// The host writes here. The buffer stays where it is until the host asks for a larger one.
let input: usize = 0;
// The host reads the scores here.
let scores: usize = 0;
// A slot of the table is 16 bytes: a gram, whether it is in the query, and the number of the last candidate
// that had it. A slot that is neither the query's nor this candidate's is free. What is in the query was
// there first, so leftovers are never between it and its place.
let table: usize = 0;
let tableSlots: u32 = 0; // there is memory for
let mask: u32 = 0;

// maxText keeps the table within the memory of an instance.
const maxText: u32 = 256 << 10;

@external("kvasir", "error_set")
declare function error_set(text: usize, n: u32): void;

function fail(text: string): u64 {
  const utf8 = String.UTF8.encode(text);
  error_set(changetype<usize>(utf8), utf8.byteLength);
  return ((1 as u64) << 63) | 1;
}

export function kvasir_abi_version(): u32 {
  return 1 << 16;
}

export function kvasir_alloc(n: u32): usize {
  if (input) heap.free(input);
  return (input = heap.alloc(n + 8)); // 16-aligned
}

// bytes is the result of a function: where its bytes are.
function bytes(ptr: usize, n: u32): u64 {
  return n ? ((ptr as u64) << 32) | n : 0;
}

const manifest = String.UTF8.encode(
  '{"name":"trigrams","version":"1.0.0","scorer":{"class":"rerank",' +
    '"index":{"unit":"char","min":3,"max":3,"floor":0.7},"sound":true}}'
);

export function kvasir_init(ptr: usize, n: u32): u64 {
  return bytes(changetype<usize>(manifest), manifest.byteLength);
}

// The frame begins with n, flags and the length of the query; then come the lengths and the texts.
export function kvasir_score(frame: usize, size: u32): u64 {
  const n = load<u32>(frame);
  const queryLength = load<u32>(frame, 8);
  const lengths = frame + 12;
  let text = lengths + 4 * n;

  let longest = queryLength;
  for (let i: u32 = 0; i < n; i++) longest = max(longest, load<u32>(lengths + 4 * i));
  if (longest > maxText) return fail("a text has more than 262144 bytes");
  if (!scores) scores = heap.alloc(4 * maxCandidates);
  makeTable(queryLength + longest + 2);

  const inQuery = addQuery(text, queryLength);
  text += queryLength;
  for (let i: u32 = 0; i < n; i++) {
    const length = load<u32>(lengths + 4 * i);
    store<f32>(scores + 4 * i, scoreOne(text, length, i + 1, inQuery));
    text += length;
  }
  return bytes(scores, 4 * n);
}

const maxCandidates: u32 = 512;

// makeTable has room for so many grams, with half of it free.
function makeTable(grams: u32): void {
  let slots: u32 = 16;
  while (slots < 2 * grams) slots *= 2;
  if (slots > tableSlots) {
    if (table) heap.free(table);
    table = heap.alloc(16 * slots);
    tableSlots = slots;
  }
  memory.fill(table, 0, 16 * slots);
  mask = slots - 1;
}

function find(gram: u64, candidate: u32): usize {
  let i = u32((gram * 0x9e3779b97f4a7c15) >> 32) & mask;
  let slot = table + 16 * i;
  while (load<u64>(slot) != gram && (load<u32>(slot, 8) || load<u32>(slot, 12) == candidate)) {
    i = (i + 1) & mask;
    slot = table + 16 * i;
  }
  return slot;
}

// The text being read, and the last three characters of it: 21 bits each and plus one, so that a shorter
// gram is another number.
let at: usize = 0;
let end: usize = 0;
let window: u64 = 0;
let seen: u32 = 0;

function read(text: usize, n: u32): void {
  at = text;
  end = text + n;
  window = 0;
  seen = 0;
}

// nextGram sets window to the next gram, and returns false after the last.
function nextGram(): bool {
  const whole = seen == 0; // a short text is one gram, also when it is empty
  while (at < end) {
    const first: u32 = load<u8>(at++);
    let more = first < 0xc0 ? 0 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3; // the host gives valid UTF-8
    let rune: u64 = more ? first & (0x3f >> more) : first;
    for (; more; more--) rune = (rune << 6) | (load<u8>(at++) & 0x3f);
    window = ((window << 21) | (rune + 1)) & 0x7fffffffffffffff;
    if (++seen >= 3) return true;
  }
  if (whole) seen = 3;
  return whole;
}

// addQuery returns how many grams the query has.
function addQuery(text: usize, n: u32): u32 {
  let distinct: u32 = 0;
  for (read(text, n); nextGram(); ) {
    const slot = find(window, u32.MAX_VALUE);
    if (!load<u32>(slot, 8)) distinct++;
    store<u64>(slot, window);
    store<u32>(slot, 1, 8);
  }
  return distinct;
}

function scoreOne(text: usize, n: u32, candidate: u32, inQuery: u32): f32 {
  let distinct: u32 = 0;
  let common: u32 = 0;
  for (read(text, n); nextGram(); ) {
    const slot = find(window, candidate);
    if (load<u32>(slot, 12) == candidate) continue;
    store<u64>(slot, window);
    store<u32>(slot, candidate, 12);
    distinct++;
    common += load<u32>(slot, 8);
  }
  return f32(f64(common) / f64(inQuery + distinct - common));
}
