//! Scores by trigrams: the share that two texts have in common of the runs of three characters in either.
//! A text of fewer than three characters is one gram.
const std = @import("std");
const memory = std.heap.wasm_allocator;

extern "kvasir" fn error_set(text: [*]const u8, n: u32) void;

/// The host writes here. It stays where it is until the host asks for a larger one.
var input: []align(8) u8 = &.{};
/// The host reads the scores here.
var scores = std.ArrayList(f32).init(memory);
var table: []Slot = &.{};

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

    const query = try take(&texts, words[2]);
    try makeTable(query.len + longest(lengths) + 2);
    const in_query = addQuery(query);
    scores.clearRetainingCapacity();
    for (lengths, 1..) |length, number| {
        try scores.append(scoreOne(try take(&texts, length), number, in_query));
    }
}

/// Takes n bytes off the front.
fn take(from: *[]const u8, n: u32) ![]const u8 {
    if (n > from.len) return error.Frame;
    defer from.* = from.*[n..];
    return from.*[0..n];
}

fn longest(lengths: []const u32) usize {
    return if (lengths.len == 0) 0 else std.mem.max(u32, lengths);
}

/// The grams of a text. A gram is its characters, 21 bits each and plus one, so that a shorter one is
/// another number.
const Grams = struct {
    left: []const u8,
    window: u64 = 0,
    seen: usize = 0,

    fn next(g: *Grams) ?u64 {
        const whole = g.seen == 0; // a short text is one gram, also when it is empty
        while (g.left.len > 0) {
            g.window = (g.window << 21 | (g.rune() + 1)) & (std.math.maxInt(u64) >> 1);
            g.seen += 1;
            if (g.seen >= 3) return g.window;
        }
        if (!whole) return null;
        g.seen = 3;
        return g.window;
    }

    /// Decodes a character. The host gives valid UTF-8, and nothing is read past the end of other.
    fn rune(g: *Grams) u64 {
        const first = g.left[0];
        const n: usize = if (first < 0x80) 1 else if (first < 0xe0) 2 else if (first < 0xf0) 3 else 4;
        var r: u64 = if (n == 1) first else first & (@as(u8, 0x7f) >> @intCast(n));
        const end = @min(n, g.left.len);
        for (g.left[1..end]) |c| r = r << 6 | (c & 0x3f);
        g.left = g.left[end..];
        return r;
    }
};

/// A slot of the table holds a gram of the query, or of the candidate whose number is in seen; others are
/// free. What is in the query was there first, so leftovers are never between it and its place.
const Slot = struct { gram: u64 = 0, in_query: bool = false, seen: u32 = 0 };

/// Makes room for so many grams, with half of it free.
fn makeTable(grams: usize) !void {
    const size = try std.math.ceilPowerOfTwo(usize, 2 * grams);
    if (size > table.len) {
        memory.free(table);
        table = &.{};
        table = try memory.alloc(Slot, size);
    }
    @memset(table, Slot{});
}

fn find(gram: u64, candidate: u32) *Slot {
    var i: usize = @intCast((gram *% 0x9e3779b97f4a7c15) >> 32);
    while (true) : (i +%= 1) {
        const s = &table[i & (table.len - 1)];
        if ((!s.in_query and s.seen != candidate) or s.gram == gram) return s;
    }
}

/// Returns how many grams the query has.
fn addQuery(text: []const u8) usize {
    var grams = Grams{ .left = text };
    var distinct: usize = 0;
    while (grams.next()) |gram| {
        const s = find(gram, std.math.maxInt(u32));
        distinct += @intFromBool(!s.in_query);
        s.* = .{ .gram = gram, .in_query = true };
    }
    return distinct;
}

fn scoreOne(text: []const u8, number: usize, in_query: usize) f32 {
    const candidate: u32 = @intCast(number);
    var grams = Grams{ .left = text };
    var distinct: usize = 0;
    var common: usize = 0;
    while (grams.next()) |gram| {
        const s = find(gram, candidate);
        if (s.seen == candidate) continue;
        distinct += 1;
        common += @intFromBool(s.in_query);
        s.gram = gram;
        s.seen = candidate;
    }
    const all: f64 = @floatFromInt(in_query + distinct - common);
    return @floatCast(@as(f64, @floatFromInt(common)) / all);
}
