package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// header writes everything as one C header.
func header(s *spec, t *table, lexicon []byte) []byte {
	b := &bytes.Buffer{}
	b.WriteString("/* Made by tables from the data files. Do not edit. */\n#include \"base.h\"\n\n")
	emitClasses(b, s)
	emitWords(b, t)
	emitNamed(b, t)
	emitExpansions(b, t)
	for _, name := range phraseSections {
		emitPhrases(b, name, s.phrases[name], t)
	}
	emitStems(b, s.pairs["stems"])
	emitStrings(b, "unit_signs", s.classes["unit_sign"])
	emitUnicode(b)
	emitArray(b, "u8", "lexicon_bytes", lexicon)
	return b.Bytes()
}

func emitClasses(b *bytes.Buffer, s *spec) {
	for bit, name := range s.classNames() {
		fmt.Fprintf(b, "#define C_%s (1ull << %d)\n", strings.ToUpper(name), bit)
	}
}

func emitWords(b *bytes.Buffer, t *table) {
	combos := slices.Compact(slices.Sorted(slices.Values(t.class)))
	var kinds, canon []int // canon: word and the word that stands for it, where that is another
	var offsets []int
	var pool bytes.Buffer
	for i, w := range t.words {
		offsets = append(offsets, pool.Len())
		pool.WriteString(w)
		kind, _ := slices.BinarySearch(combos, t.class[i])
		kinds = append(kinds, kind)
		if t.canon[i] != i {
			canon = append(canon, i, t.canon[i])
		}
	}
	offsets = append(offsets, pool.Len())
	fmt.Fprintf(b, "\n#define WORDS %d\n", len(t.words))
	emitArray(b, "u8", "word_pool", pool.Bytes())
	emitArray(b, "u16", "word_offset", offsets)
	emitArray(b, "u8", "word_kind", kinds)
	emitArray(b, "u16", "word_canon", canon)
	emitArray(b, "u64", "kind_class", combos)
}

// Words that the code speaks of by name.
var named = []string{"a", "an", "the", "i", "not", "is", "us", "please", "and", "percent", "thanks", "thank", "some", "you", "really", "me", "are", "of", "to", "as"}

func emitNamed(b *bytes.Buffer, t *table) {
	for _, w := range named {
		if i, ok := t.index[w]; ok {
			fmt.Fprintf(b, "#define W_%s %d\n", strings.ToUpper(w), i)
		}
	}
}

// emitExpansions writes, sorted by word: word, count, and up to three words it stands for.
func emitExpansions(b *bytes.Buffer, t *table) {
	var rows []int
	for i, e := range t.expand {
		if e == nil {
			continue
		}
		rows = append(rows, i, len(e))
		for k := range 3 {
			if k < len(e) {
				rows = append(rows, e[k])
			} else {
				rows = append(rows, 0)
			}
		}
	}
	emitArray(b, "u16", "expansions", rows)
}

// emitPhrases writes the longest first: count, then the words.
func emitPhrases(b *bytes.Buffer, name string, phrases [][]string, t *table) {
	sorted := slices.Clone(phrases)
	slices.SortStableFunc(sorted, func(a, b []string) int { return len(b) - len(a) })
	var flat []int
	for _, p := range sorted {
		flat = append(append(flat, len(p)), t.ids(p)...)
	}
	emitArray(b, "u16", "phrases_"+name, flat)
}

func emitStems(b *bytes.Buffer, stems [][]string) {
	var flat []string
	for _, p := range stems {
		flat = append(flat, p...)
	}
	emitStrings(b, "spelling_stems", flat)
}

// emitStrings writes strings with a zero byte after each.
func emitStrings(b *bytes.Buffer, name string, list []string) {
	emitArray(b, "u8", name, []byte(strings.Join(list, "\x00")+"\x00"))
}

func emitUnicode(b *bytes.Buffer) {
	emitArray(b, "u16", "letter_ranges", letterRanges(0x80, 0x10000))
	emitArray(b, "u32", "far_letter_ranges", letterRanges(0x10000, 0x40000))
	var first, mark, whole []int
	for _, c := range compositions() {
		first, mark, whole = append(first, int(c.first)), append(mark, int(c.mark)), append(whole, int(c.whole))
	}
	emitArray(b, "u16", "compose_first", first)
	emitArray(b, "u16", "compose_mark", mark)
	emitArray(b, "u16", "compose_whole", whole)
}

func emitArray[T ~int | ~uint8 | ~uint64 | ~int32](b *bytes.Buffer, kind, name string, list []T) {
	fmt.Fprintf(b, "\n#define N_%s %d\nstatic const %s %s[] = {", strings.ToUpper(name), len(list), kind, name)
	for i, v := range list {
		if i%24 == 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(b, "%d,", v)
	}
	b.WriteString("\n};\n")
}
