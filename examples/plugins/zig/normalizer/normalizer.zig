//! Lowers ASCII letters and writes each run of ASCII white space as one blank, none at the ends.
const std = @import("std");
const memory = std.heap.wasm_allocator;

/// The host writes here. It stays where it is until the host asks for a larger one.
var input: []align(8) u8 = &.{};

export fn kvasir_abi_version() u32 {
    return 1 << 16;
}

export fn kvasir_alloc(n: u32) ?[*]align(8) u8 {
    memory.free(input);
    input = &.{};
    input = memory.alignedAlloc(u8, 8, n) catch return null;
    return input.ptr;
}

/// The result of a function: where its bytes are.
fn bytes(b: []const u8) u64 {
    if (b.len == 0) return 0;
    return @as(u64, @intFromPtr(b.ptr)) << 32 | b.len;
}

export fn kvasir_init(_: u32, _: u32) u64 {
    return bytes("{\"name\":\"ascii-lower\",\"version\":\"1.0.0\"}");
}

fn isSpace(c: u8) bool {
    return c == ' ' or (c >= '\t' and c <= '\r');
}

/// The text only gets shorter, so it is written over the input, which belongs to the guest.
export fn kvasir_normalize(text: [*]u8, n: u32) u64 {
    var out: usize = 0;
    var gap = false;
    for (text[0..n]) |c| {
        if (isSpace(c)) {
            gap = out > 0;
            continue;
        }
        if (gap) {
            text[out] = ' ';
            out += 1;
        }
        gap = false;
        text[out] = std.ascii.toLower(c);
        out += 1;
    }
    return bytes(text[0..out]);
}
