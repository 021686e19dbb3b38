// Package ngram makes sets of n-grams from texts, compares them, and finds those most like a query's.
//
//	spec := ngram.Spec{Unit: ngram.Char, Min: 2, Max: 3}
//	a, b := spec.AppendSet(nil, "capital of france"), spec.AppendSet(nil, "capitals of france")
//	score := ngram.Jaccard(a, b)
//	scores := spec.Scores(query, candidates) // the same, much faster for many
//
//	index := ngram.NewIndex()
//	err := index.Add(group, id, ngram.Parity, len(a), ngram.Parity.Signature(a))
//	matches, info := index.Search(group, b, ngram.SearchOptions{Floor: 0.7}, read)
//
// Texts are taken as they are: whoever wants case or blanks not to count folds them first. An index knows
// ids, sizes and signatures; it stores nothing and reads sets through a function of its user.
//
// # Grams
//
// A text is a sequence of units. For Char they are its runes; a byte that is not part of valid UTF-8
// counts as U+FFFD. For Word they are its words:
//
//   - a run of letters, digits and marks (Unicode L, Nd, M) is a word, and so is such a run with single
//     apostrophes (' or ’) inside, as in don't;
//   - any other character that is not white space is a word by itself, so C++ has three;
//   - white space separates and is part of nothing.
//
// A script that writes no blanks makes long words: Char suits it better.
//
// The grams of a text are all runs of n consecutive units, for every n from Min to Max. A text of
// fewer than Min units has one gram: all of it, which may be nothing. So no text is without grams.
//
// # Hashes
//
// The hash of a gram is part of stored formats. Version is its version, and testdata holds vectors.
// With 64-bit unsigned arithmetic that wraps around,
//
//	mix(x): x ^= x>>32; x *= 0xd6e8feb86659fd93; x ^= x>>32; x *= 0xd6e8feb86659fd93; x ^= x>>32
//
// and with S = 0x9e3779b97f4a7c15,
//
//	Char: the runes are packed by threes, the last pack having what is left:
//	      pack = (r0+1) | (r1+1)<<21 | (r2+1)<<42
//	      h = S; for each pack: h = mix(h ^ pack)
//	Word: the words are hashed, then the hashes:
//	      h = S; for each word: h = mix(h ^ hash(word))
//	      hash(word) = mix(w) where w = S + number of bytes; for each 8 bytes, little-endian, the last
//	      filled with zeros: w = mix(w ^ bytes)
//
// mix is a bijection, so grams of one to three runes never share a hash. Others do with the chance of
// 64 random bits. Nothing here withstands someone who looks for collisions: two texts made to share
// hashes score too high, which is for the guard behind the score to see.
package ngram

// Version is the version of the hash and of how words are found.
const Version = 1
