package config

import (
	"strings"
	"unicode"
)

// peek returns the next byte, or 0 at the end.
func (s *scanner) peek() byte {
	if s.pos < len(s.text) {
		return s.text[s.pos]
	}
	return 0
}

// accept reads the next byte if it is c, after blanks.
func (s *scanner) accept(c byte) bool {
	s.skipBlanks()
	if s.pos >= len(s.text) || s.text[s.pos] != c {
		return false
	}
	s.pos++
	return true
}

func (s *scanner) skipBlanks() {
	for c := s.peek(); c == ' ' || c == '\t'; c = s.peek() {
		s.pos++
	}
}

// skipLines skips blanks, line ends and comments.
func (s *scanner) skipLines() {
	for {
		switch s.peek() {
		case ' ', '\t', '\r', '\n':
			s.pos++
		case '#':
			s.skipTo("\n")
		default:
			return
		}
	}
}

// skipRest skips what is left of the line after a header or a pair.
func (s *scanner) skipRest() { s.skipTo("\n") }

// skipTo skips everything before the next of the characters.
func (s *scanner) skipTo(chars string) {
	if i := strings.IndexAny(s.text[s.pos:], chars); i >= 0 {
		s.pos += i
	} else {
		s.pos = len(s.text)
	}
}

// skipBareValue skips a number, a boolean or a date, which may hold a blank but not end in one.
func (s *scanner) skipBareValue() {
	start := s.pos
	s.skipTo(",]}#\r\n")
	s.pos = start + len(strings.TrimRight(s.text[start:s.pos], " \t"))
}

// skipString skips a string of any of the four kinds, from its opening quote to its closing one, or
// to the end of the line or text if there is none.
func (s *scanner) skipString() {
	quote := s.text[s.pos]
	three := strings.Repeat(string(quote), 3)
	if strings.HasPrefix(s.text[s.pos:], three) {
		s.pos += 3
		s.skipMultiline(quote, three)
		return
	}
	s.pos++
	for ; s.pos < len(s.text) && s.text[s.pos] != '\n'; s.pos++ {
		switch s.text[s.pos] {
		case quote:
			s.pos++
			return
		case '\\':
			s.skipEscape(quote)
		}
	}
}

// skipMultiline skips to the end of a string that ends in three quotes. Up to two more quotes right
// before them belong to the string.
func (s *scanner) skipMultiline(quote byte, three string) {
	for ; s.pos < len(s.text); s.pos++ {
		if s.text[s.pos] == '\\' {
			s.skipEscape(quote)
		} else if strings.HasPrefix(s.text[s.pos:], three) {
			s.pos += 3
			for range 2 {
				if s.peek() == quote {
					s.pos++
				}
			}
			return
		}
	}
}

// skipEscape skips a backslash where it escapes the byte behind it, which is left to be skipped.
func (s *scanner) skipEscape(quote byte) {
	if quote == '"' && s.pos+1 < len(s.text) && s.text[s.pos+1] != '\n' {
		s.pos++
	}
}

func needsQuotes(r rune) bool { return r > unicode.MaxASCII || !isBare(byte(r)) }

// isBare says whether c can stand in a key without quotes.
func isBare(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-'
}
