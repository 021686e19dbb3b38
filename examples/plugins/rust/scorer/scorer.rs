//! Scores by trigrams: the share that two texts have in common of the runs of three characters in either.
//! A text of fewer than three characters is one gram.

/// The host writes here. It stays where it is until the host asks for a larger one.
static mut INPUT: Vec<u64> = Vec::new();
/// The host reads the scores here.
static mut SCORES: Vec<f32> = Vec::new();
static mut TABLE: Table = Table { slots: Vec::new() };

#[link(wasm_import_module = "kvasir")]
extern "C" {
    #[link_name = "error_set"]
    fn error_set(text: *const u8, n: u32);
}

#[no_mangle]
pub extern "C" fn kvasir_abi_version() -> u32 {
    1 << 16
}

/// Numbers of 64 bits make the buffer aligned to 8 bytes.
#[no_mangle]
pub unsafe extern "C" fn kvasir_alloc(n: u32) -> *mut u64 {
    INPUT = vec![0; n as usize / 8 + 1];
    INPUT.as_mut_ptr()
}

/// The result of a function: where its n bytes are.
fn bytes(ptr: *const u8, n: usize) -> u64 {
    if n == 0 {
        return 0;
    }
    (ptr as u64) << 32 | n as u64
}

fn fail(text: &str) -> u64 {
    unsafe { error_set(text.as_ptr(), text.len() as u32) };
    1 << 63 | 1
}

#[no_mangle]
pub extern "C" fn kvasir_init(_ptr: *const u8, _n: u32) -> u64 {
    let manifest = concat!(
        r#"{"name":"trigrams","version":"1.0.0","scorer":{"class":"rerank","#,
        r#""index":{"unit":"char","min":3,"max":3,"floor":0.7},"sound":true}}"#
    );
    bytes(manifest.as_ptr(), manifest.len())
}

#[no_mangle]
pub unsafe extern "C" fn kvasir_score(ptr: *const u8, n: u32) -> u64 {
    let (mut scores, mut table) = (std::mem::take(&mut SCORES), std::mem::take(&mut TABLE));
    scores.clear();
    let result = score(std::slice::from_raw_parts(ptr, n as usize), &mut scores, &mut table);
    SCORES = scores;
    TABLE = table;
    match result {
        Ok(()) => bytes(SCORES.as_ptr() as *const u8, 4 * SCORES.len()),
        Err(text) => fail(text),
    }
}

const FRAME: &str = "the frame is not as the contract draws it";
const MEMORY: &str = "no memory for texts this long";

/// Takes a number off the front of a frame.
fn number(frame: &mut &[u8]) -> Option<usize> {
    let (first, rest) = (frame.get(..4)?, frame.get(4..)?);
    *frame = rest;
    Some(u32::from_le_bytes(first.try_into().ok()?) as usize)
}

/// Takes a text of n bytes off the front of a frame.
fn text<'a>(frame: &mut &'a [u8], n: usize) -> Option<&'a str> {
    let (first, rest) = (frame.get(..n)?, frame.get(n..)?);
    *frame = rest;
    std::str::from_utf8(first).ok()
}

fn score(frame: &[u8], scores: &mut Vec<f32>, table: &mut Table) -> Result<(), &'static str> {
    let (query, candidates) = read(frame).ok_or(FRAME)?;
    let longest = candidates.iter().map(|c| c.len()).max().unwrap_or(0);
    table.reset(query.len() + longest + 2).ok_or(MEMORY)?;
    let in_query = table.add_query(query);
    for (i, candidate) in candidates.iter().enumerate() {
        scores.push(table.score(candidate, i as u32 + 1, in_query));
    }
    Ok(())
}

/// Reads a score frame: n, flags, the length of the query, n lengths, the texts.
fn read(mut frame: &[u8]) -> Option<(&str, Vec<&str>)> {
    let n = number(&mut frame)?;
    let flags = number(&mut frame)?;
    let query_length = number(&mut frame)?;
    let mut lengths = frame.get(..4 * n)?;
    frame = &frame[4 * n..];
    let query = text(&mut frame, query_length)?;
    let mut candidates = Vec::with_capacity(n);
    for _ in 0..n {
        let length = number(&mut lengths)?;
        candidates.push(text(&mut frame, length)?);
    }
    if flags != 0 || !frame.is_empty() {
        return None;
    }
    Some((query, candidates))
}

/// Calls f with each gram of a text. A gram is its characters, 21 bits each and plus one, so that a shorter
/// one is another number.
fn each_gram(text: &str, mut f: impl FnMut(u64)) {
    let (mut window, mut seen) = (0u64, 0);
    for c in text.chars() {
        window = (window << 21 | (c as u64 + 1)) & (u64::MAX >> 1);
        seen += 1;
        if seen >= 3 {
            f(window);
        }
    }
    if seen < 3 {
        f(window); // a short text is one gram, also when it is empty
    }
}

/// Holds the grams of the query, and of the candidate whose number is in `seen`; other slots are free. What
/// is in the query was there first, so leftovers are never between it and its place.
#[derive(Default)]
struct Table {
    slots: Vec<Slot>,
}

#[derive(Clone, Copy, Default)]
struct Slot {
    gram: u64,
    in_query: bool,
    seen: u32,
}

impl Table {
    /// Makes room for so many grams, with half of it free. None means that there is no memory.
    fn reset(&mut self, grams: usize) -> Option<()> {
        let size = (2 * grams).next_power_of_two();
        self.slots.clear();
        self.slots.try_reserve_exact(size).ok()?;
        self.slots.resize(size, Slot::default());
        Some(())
    }

    fn find(&mut self, gram: u64, candidate: u32) -> &mut Slot {
        let mask = self.slots.len() - 1;
        let mut i = (gram.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize & mask;
        loop {
            let s = self.slots[i];
            if !s.in_query && s.seen != candidate || s.gram == gram {
                return &mut self.slots[i];
            }
            i = (i + 1) & mask;
        }
    }

    /// Returns how many grams the query has.
    fn add_query(&mut self, text: &str) -> u32 {
        let mut distinct = 0;
        each_gram(text, |gram| {
            let s = self.find(gram, u32::MAX);
            distinct += !s.in_query as u32;
            *s = Slot { gram, in_query: true, seen: 0 };
        });
        distinct
    }

    fn score(&mut self, text: &str, candidate: u32, in_query: u32) -> f32 {
        let (mut distinct, mut common) = (0, 0);
        each_gram(text, |gram| {
            let s = self.find(gram, candidate);
            if s.seen != candidate {
                distinct += 1;
                common += s.in_query as u32;
                s.gram = gram;
                s.seen = candidate;
            }
        });
        (common as f64 / (in_query + distinct - common) as f64) as f32
    }
}
