package config

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// span is a part of a text, in bytes.
type span struct{ start, end int }

// source is the text of a file, for messages that show a place in it.
type source struct {
	file, text string
	lines      []int // where each line begins
}

func newSource(file, text string) *source {
	s := &source{file: file, text: text, lines: []int{0}}
	for i := range len(text) {
		if text[i] == '\n' {
			s.lines = append(s.lines, i+1)
		}
	}
	return s
}

// line returns the number of the line that holds offset at, from 1, and the line without its end.
func (s *source) line(at int) (number int, line span) {
	number, found := slices.BinarySearch(s.lines, at)
	if found {
		number++
	}
	line = span{s.lines[number-1], len(s.text)}
	if number < len(s.lines) {
		line.end = s.lines[number] - 1
	}
	if line.end > line.start && s.text[line.end-1] == '\r' {
		line.end--
	}
	return number, line
}

// problem returns a problem at a place. A place outside the text is moved to its edge, and one inside
// a character to its beginning.
func (s *source) problem(at span, key, format string, args ...any) Problem {
	at.start = s.whole(min(max(at.start, 0), len(s.text)))
	number, line := s.line(at.start)
	at.start = min(at.start, line.end)
	at.end = max(at.start, s.whole(min(at.end, line.end)))
	before, marked := s.text[line.start:at.start], s.text[at.start:at.end]
	return Problem{
		File: s.file, Line: number, Column: utf8.RuneCountInString(before) + 1, Key: key,
		Message: fmt.Sprintf(format, args...),
		Excerpt: excerpt(number, before, marked, s.text[at.end:line.end]),
	}
}

// whole returns the beginning of the character that holds offset at.
func (s *source) whole(at int) int {
	for at > 0 && at < len(s.text) && !utf8.RuneStart(s.text[at]) {
		at--
	}
	return at
}

// Most characters an excerpt shows of each part of a line.
const (
	maxBefore = 60
	maxMarked = 40
	maxAfter  = 40
)

// excerpt shows a line of which marked is the part to look at.
func excerpt(number int, before, marked, after string) string {
	b, m, a := printable(before), printable(marked), printable(after)
	if len(b) > maxBefore {
		b = append([]rune{'…'}, b[len(b)-maxBefore:]...)
	}
	if len(m) > maxMarked {
		m, a = m[:maxMarked], []rune{'…'}
	}
	if len(a) > maxAfter {
		a = append(a[:maxAfter:maxAfter], '…')
	}
	// Tabs stay, so that the caret stands under its place however wide they are shown.
	indent := strings.Map(func(r rune) rune {
		if r == '\t' {
			return r
		}
		return ' '
	}, string(b))
	shown := strings.TrimRight(string(b)+string(m)+string(a), " \t")
	return fmt.Sprintf("%5d | %s\n      | %s%s", number, shown, indent, strings.Repeat("^", max(len(m), 1)))
}

// printable returns text with a mark in place of what a terminal might obey.
func printable(text string) []rune {
	return []rune(strings.Map(func(r rune) rune {
		if r == '\t' || unicode.IsPrint(r) {
			return r
		}
		return utf8.RuneError
	}, text))
}
