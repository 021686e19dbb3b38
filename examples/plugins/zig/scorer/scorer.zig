//! Scores by trigrams: the share that two texts have in common of the runs of three characters in either.
//! A text of fewer than three characters is one gram.
const std = @import("std");
const memory = std.heap.wasm_allocator;

extern "kvasir" fn error_set(text: [*]const u8, n: u32) void;

/// The host writes here. It stays where it is until the host asks for a larger one.
var input: []align(8) u8 = &.{};
/// The host reads the scores here.
var scores = std.ArrayList(f32).init(memory);
var query_grams = std.ArrayList(u64).init(memory);
var grams = std.ArrayList(u64).init(memory);

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

fn fail(text: []const u8) u64 {
    error_set(text.ptr, text.len);
    return 1 << 63 | 1;
}

export fn kvasir_init(_: u32, _: u32) u64 {
    return bytes("{\"name\":\"trigrams\",\"version\":\"1.0.0\",\"scorer\":{\"class\":\"rerank\"," ++
        "\"index\":{\"unit\":\"char\",\"min\":3,\"max\":3,\"floor\":0.7},\"sound\":true}}");
}

export fn kvasir_score(frame: [*]align(8) const u8, n: u32) u64 {
    score(frame[0..n]) catch |problem| return fail(@errorName(problem));
    return bytes(std.mem.sliceAsBytes(scores.items));
}

/// The frame begins with n, flags and the length of the query; then come the lengths and the texts.
fn score(frame: []align(8) const u8) !void {
    const words = std.mem.bytesAsSlice(u32, frame[0 .. frame.len & ~@as(usize, 3)]);
    if (words.len < 3 or words[1] != 0 or words.len - 3 < words[0]) return error.Frame;
    const lengths = words[3..][0..words[0]];
    var texts: []const u8 = frame[4 * (3 + lengths.len) ..];

    try gramsOf(try take(&texts, words[2]), &query_grams);
    scores.clearRetainingCapacity();
    for (lengths) |length| {
        try gramsOf(try take(&texts, length), &grams);
        try scores.append(jaccard(query_grams.items, grams.items));
    }
}

/// Takes n bytes off the front.
fn take(from: *[]const u8, n: u32) ![]const u8 {
    if (n > from.len) return error.Frame;
    defer from.* = from.*[n..];
    return from.*[0..n];
}

/// Sets list to the grams of a text, ascending and each once. A gram is its characters, 21 bits each and
/// plus one, so that a shorter one is another number.
fn gramsOf(text: []const u8, list: *std.ArrayList(u64)) !void {
    list.clearRetainingCapacity();
    var window: u64 = 0;
    var seen: usize = 0;
    var runes = (try std.unicode.Utf8View.init(text)).iterator();
    while (runes.nextCodepoint()) |rune| {
        window = (window << 21 | (@as(u64, rune) + 1)) & (std.math.maxInt(u64) >> 1);
        seen += 1;
        if (seen >= 3) try list.append(window);
    }
    if (seen < 3) try list.append(window); // a short text is one gram, also when it is empty
    std.sort.pdq(u64, list.items, {}, std.sort.asc(u64));
    list.shrinkRetainingCapacity(dedup(list.items));
}

/// Moves each number of an ascending list to its front once, and returns how many there are.
fn dedup(list: []u64) usize {
    var n: usize = 1;
    for (list[1..]) |gram| {
        if (gram == list[n - 1]) continue;
        list[n] = gram;
        n += 1;
    }
    return n;
}

fn jaccard(a: []const u64, b: []const u64) f32 {
    var i: usize = 0;
    var j: usize = 0;
    var common: usize = 0;
    while (i < a.len and j < b.len) {
        const x = a[i];
        const y = b[j];
        common += @intFromBool(x == y);
        i += @intFromBool(x <= y);
        j += @intFromBool(y <= x);
    }
    const all: f64 = @floatFromInt(a.len + b.len - common);
    return @floatCast(@as(f64, @floatFromInt(common)) / all);
}
