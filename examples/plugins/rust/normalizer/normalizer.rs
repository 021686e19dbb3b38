//! Lowers ASCII letters and writes each run of ASCII white space as one blank, none at the ends.

/// The host writes here. It stays where it is until the host asks for a larger one.
static mut INPUT: Vec<u64> = Vec::new();
/// The host reads the result here.
static mut OUTPUT: Vec<u8> = Vec::new();

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

/// The result of a function: where its bytes are.
fn bytes(b: &[u8]) -> u64 {
    if b.is_empty() {
        return 0;
    }
    (b.as_ptr() as u64) << 32 | b.len() as u64
}

/// The bytes that the host wrote.
unsafe fn input<'a>(ptr: *const u8, n: u32) -> &'a [u8] {
    if n == 0 {
        return &[];
    }
    std::slice::from_raw_parts(ptr, n as usize)
}

#[no_mangle]
pub extern "C" fn kvasir_init(_ptr: *const u8, _n: u32) -> u64 {
    bytes(br#"{"name":"ascii-lower","version":"1.0.0"}"#)
}

#[no_mangle]
pub unsafe extern "C" fn kvasir_normalize(ptr: *const u8, n: u32) -> u64 {
    let mut out = std::mem::take(&mut OUTPUT);
    out.clear();
    fold(input(ptr, n), &mut out);
    OUTPUT = out;
    bytes(&OUTPUT)
}

fn is_space(c: u8) -> bool {
    c == b' ' || (b'\t'..=b'\r').contains(&c)
}

fn fold(text: &[u8], out: &mut Vec<u8>) {
    out.reserve(text.len());
    let mut gap = false;
    for &c in text {
        if is_space(c) {
            gap = !out.is_empty();
            continue;
        }
        if gap {
            out.push(b' ');
        }
        gap = false;
        out.push(c.to_ascii_lowercase());
    }
}
