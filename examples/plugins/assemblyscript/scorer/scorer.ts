// Scores by trigrams: the share that two texts have in common of the runs of three characters in either.
// A text of fewer than three characters is one gram.

// The host writes here. The buffer stays where it is until the host asks for a larger one.
let input: usize = 0;
// The host reads the scores here.
let scores: usize = 0;
// Room for the grams of the query and of one candidate.
let queryGrams: usize = 0;
let grams: usize = 0;

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

  let longest: u32 = 0;
  for (let i: u32 = 0; i < n; i++) longest = max(longest, load<u32>(lengths + 4 * i));
  scores = room(scores, 4 * n);
  queryGrams = room(queryGrams, 8 * (queryLength + 1));
  grams = room(grams, 8 * (longest + 1));

  const inQuery = gramsOf(text, queryLength, queryGrams);
  text += queryLength;
  for (let i: u32 = 0; i < n; i++) {
    const length = load<u32>(lengths + 4 * i);
    store<f32>(scores + 4 * i, jaccard(inQuery, gramsOf(text, length, grams)));
    text += length;
  }
  return bytes(scores, 4 * n);
}

// room makes old memory new memory of at least n bytes.
function room(old: usize, n: u32): usize {
  return old ? heap.realloc(old, n) : heap.alloc(n);
}

// gramsOf writes the grams of a text to list, ascending and each once, and returns how many there are. A
// gram is its characters, 21 bits each and plus one, so that a shorter one is another number.
function gramsOf(text: usize, n: u32, list: usize): u32 {
  let window: u64 = 0;
  let seen: u32 = 0;
  let count: u32 = 0;
  for (let at = text, end = text + n; at < end; ) {
    const first: u32 = load<u8>(at++);
    let more = first < 0xc0 ? 0 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3; // the host gives valid UTF-8
    let rune: u64 = more ? first & (0x3f >> more) : first;
    for (; more; more--) rune = (rune << 6) | (load<u8>(at++) & 0x3f);
    window = ((window << 21) | (rune + 1)) & 0x7fffffffffffffff;
    if (++seen >= 3) store<u64>(list + 8 * count++, window);
  }
  if (seen < 3) store<u64>(list + 8 * count++, window); // a short text is one gram, also when it is empty
  sort(list, count);
  return dedup(list, count);
}

// sort is heap sort: no recursion, no memory, and never slow.
function sort(list: usize, n: u32): void {
  for (let i = n / 2; i > 0; i--) sift(list, i - 1, n);
  for (let last = n; last > 1; last--) {
    const end = list + 8 * (last - 1);
    const greatest = load<u64>(list);
    store<u64>(list, load<u64>(end));
    store<u64>(end, greatest);
    sift(list, 0, last - 1);
  }
}

// sift moves the number at i down to where both below it are smaller.
function sift(list: usize, i: u32, n: u32): void {
  const moved = load<u64>(list + 8 * i);
  for (let child: u32 = 2 * i + 1; child < n; child = 2 * i + 1) {
    if (child + 1 < n && load<u64>(list + 8 * child) < load<u64>(list + 8 * (child + 1))) child++;
    const below = load<u64>(list + 8 * child);
    if (below <= moved) break;
    store<u64>(list + 8 * i, below);
    i = child;
  }
  store<u64>(list + 8 * i, moved);
}

function dedup(list: usize, n: u32): u32 {
  let kept: u32 = 1;
  for (let i: u32 = 1; i < n; i++) {
    const gram = load<u64>(list + 8 * i);
    if (gram != load<u64>(list + 8 * (kept - 1))) store<u64>(list + 8 * kept++, gram);
  }
  return kept;
}

// jaccard compares the grams in queryGrams and grams.
function jaccard(a: u32, b: u32): f32 {
  let i: u32 = 0;
  let j: u32 = 0;
  let common: u32 = 0;
  while (i < a && j < b) {
    const x = load<u64>(queryGrams + 8 * i);
    const y = load<u64>(grams + 8 * j);
    common += u32(x == y);
    i += u32(x <= y);
    j += u32(y <= x);
  }
  return f32(f64(common) / f64(a + b - common));
}
