package config

import "slices"

// The TOML decoder says which keys a file has but not where. The scanner finds the places: it reads
// the text once more, as far as keys, brackets, strings and comments go, and leaves the meaning of
// values to the decoder. It takes any text: what is not TOML gives a document that does not matter,
// since the decoder refuses that text.

// part is one part of a dotted key.
type part struct {
	name string
	at   span // with its quotes
}

// pair is KEY = VALUE.
type pair struct {
	key   []part
	value item
}

// item is a value. A scalar has neither elements nor pairs.
type item struct {
	at    span
	form  form
	items []item // of an array
	pairs []pair // of an inline table
}

type form int

const (
	formScalar form = iota
	formArray
	formTable
)

// section is a header with the pairs below it. The first section of a document has no header.
type section struct {
	key   []part
	list  bool // [[key]]
	pairs []pair
}

// document is a whole file.
type document []section

// maxDepth bounds how deep values may be nested and how many parts a key may have. The decoder's
// time grows with the square of either, and its stack with the first.
const maxDepth = 32

type scanner struct {
	text  string
	pos   int
	depth int
	deep  *span // where maxDepth was passed
}

// scan returns the document, or the place where it is nested too deeply.
func scan(text string) (document, *span) {
	s := &scanner{text: text}
	doc := document{{}}
	for s.skipLines(); s.pos < len(s.text); s.skipLines() {
		if s.peek() == '[' {
			doc = append(doc, s.header())
		} else if p, ok := s.pair(); ok {
			last := &doc[len(doc)-1]
			last.pairs = append(last.pairs, p)
		}
		s.skipRest()
	}
	return doc, s.deep
}

// header reads [key] or [[key]].
func (s *scanner) header() section {
	s.pos++
	list := s.accept('[')
	key := s.key()
	for s.accept(']') {
	}
	return section{key: key, list: list}
}

// pair reads KEY = VALUE and says whether there is one.
func (s *scanner) pair() (pair, bool) {
	key := s.key()
	if len(key) == 0 || !s.accept('=') {
		return pair{}, false
	}
	s.skipBlanks()
	return pair{key, s.value()}, true
}

// key reads the parts of a key and the blanks around them.
func (s *scanner) key() []part {
	var key []part
	for {
		s.skipBlanks()
		p, ok := s.part()
		if !ok {
			return key
		}
		if key = append(key, p); len(key) > maxDepth {
			s.giveUp(p.at)
			return key
		}
		s.skipBlanks()
		if !s.accept('.') {
			return key
		}
	}
}

// part reads one part of a key.
func (s *scanner) part() (part, bool) {
	start := s.pos
	switch s.peek() {
	case '"':
		s.skipString()
		at := span{start, s.pos}
		name, ok := decodeScalar(s.text[at.start:at.end]).(string)
		return part{name, at}, ok
	case '\'':
		s.skipString()
		at := span{start, s.pos}
		if at.end-at.start < 2 {
			return part{}, false
		}
		return part{s.text[at.start+1 : at.end-1], at}, true
	}
	for isBare(s.peek()) {
		s.pos++
	}
	return part{s.text[start:s.pos], span{start, s.pos}}, s.pos > start
}

// value reads a value.
func (s *scanner) value() item {
	start := s.pos
	it := item{}
	switch s.peek() {
	case '"', '\'':
		s.skipString()
	case '[':
		it = s.nested(item{form: formArray})
	case '{':
		it = s.nested(item{form: formTable})
	default:
		s.skipBareValue()
	}
	it.at = span{start, s.pos}
	return it
}

// nested reads an array or an inline table from its opening bracket to its closing one.
func (s *scanner) nested(it item) item {
	if s.depth++; s.depth > maxDepth {
		s.giveUp(span{s.pos, s.pos + 1})
		return it
	}
	defer func() { s.depth-- }()
	s.pos++
	for s.skipLines(); s.pos < len(s.text); s.skipLines() {
		before := s.pos
		if s.accept(']') || s.accept('}') {
			break
		}
		if it.form == formArray {
			it.items = append(it.items, s.value())
		} else if p, ok := s.pair(); ok {
			it.pairs = append(it.pairs, p)
		}
		s.skipLines()
		if !s.accept(',') && s.pos == before {
			s.pos++ // not TOML; go on somewhere
		}
	}
	return it
}

// giveUp ends the scan.
func (s *scanner) giveUp(at span) {
	if s.deep == nil {
		s.deep = &at
	}
	s.pos = len(s.text)
}

// names says whether the keys of doc are these, in this order.
func (doc document) names(keys [][]string) bool {
	return slices.EqualFunc(doc.places(), keys, func(p place, key []string) bool {
		return slices.Equal(p.key, key)
	})
}

// place is where a key is written.
type place struct {
	key []string // all of it, with the header it stands under
	at  span     // what is written there
}

// places lists the headers and keys of doc in order, with those of inline tables.
func (doc document) places() []place {
	var list []place
	for _, s := range doc {
		if len(s.key) > 0 {
			list = append(list, placeOf(nil, s.key))
		}
		list = appendPairs(list, partNames(nil, s.key), s.pairs)
	}
	return list
}

func appendPairs(list []place, above []string, pairs []pair) []place {
	for _, p := range pairs {
		list = append(list, placeOf(above, p.key))
		list = appendItem(list, partNames(above, p.key), p.value)
	}
	return list
}

func appendItem(list []place, above []string, it item) []place {
	for _, element := range it.items {
		list = appendItem(list, above, element)
	}
	return appendPairs(list, above, it.pairs)
}

func placeOf(above []string, key []part) place {
	return place{partNames(above, key), span{key[0].at.start, key[len(key)-1].at.end}}
}

func partNames(above []string, key []part) []string {
	names := slices.Clone(above)
	for _, p := range key {
		names = append(names, p.name)
	}
	return names
}
