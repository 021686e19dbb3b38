//! Scores by trigrams: the share that two texts have in common of the runs of three characters in either.
//! A text of fewer than three characters is one gram.

/// The host writes here. It stays where it is until the host asks for a larger one.
static mut INPUT: Vec<u64> = Vec::new();
/// The host reads the scores here.
static mut SCORES: Vec<f32> = Vec::new();

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
    let mut scores = std::mem::take(&mut SCORES);
    scores.clear();
    let read = score(std::slice::from_raw_parts(ptr, n as usize), &mut scores);
    SCORES = scores;
    match read {
        Some(()) => bytes(SCORES.as_ptr() as *const u8, 4 * SCORES.len()),
        None => fail("the frame is not as the contract draws it"),
    }
}

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

fn score(mut frame: &[u8], scores: &mut Vec<f32>) -> Option<()> {
    let n = number(&mut frame)?;
    let flags = number(&mut frame)?;
    let query_length = number(&mut frame)?;
    if flags != 0 {
        return None;
    }
    let mut lengths = frame.get(..4 * n)?;
    frame = &frame[4 * n..];

    let (mut query, mut grams) = (Vec::new(), Vec::new());
    grams_of(text(&mut frame, query_length)?, &mut query);
    for _ in 0..n {
        let length = number(&mut lengths)?;
        grams_of(text(&mut frame, length)?, &mut grams);
        scores.push(jaccard(&query, &grams));
    }
    Some(())
}

/// Sets grams to those of a text, ascending and each once. A gram is its characters, 21 bits each and plus
/// one, so that a shorter one is another number.
fn grams_of(text: &str, grams: &mut Vec<u64>) {
    grams.clear();
    let (mut window, mut seen) = (0u64, 0);
    for c in text.chars() {
        window = (window << 21 | (c as u64 + 1)) & (u64::MAX >> 1);
        seen += 1;
        if seen >= 3 {
            grams.push(window);
        }
    }
    if seen < 3 {
        grams.push(window); // a short text is one gram, also when it is empty
    }
    grams.sort_unstable();
    grams.dedup();
}

fn jaccard(a: &[u64], b: &[u64]) -> f32 {
    let (mut i, mut j, mut common) = (0, 0, 0);
    while i < a.len() && j < b.len() {
        let (x, y) = (a[i], b[j]);
        common += (x == y) as usize;
        i += (x <= y) as usize;
        j += (y <= x) as usize;
    }
    (common as f64 / (a.len() + b.len() - common) as f64) as f32
}
