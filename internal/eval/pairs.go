package eval

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/kvasir-cache/kvasir/internal/report"
)

// Pair is two prompts of which it is known whether the answer to one serves for the other.
type Pair struct {
	Line   int    // in the file
	Stored string // text_a, which was answered before
	Asked  string // text_b
	Same   bool   // the answer to Stored serves for Asked
	Kind   string // the source column up to its @; empty if there is none
}

const (
	pairHeader       = "text_a\ttext_b\tlabel"
	pairHeaderSource = pairHeader + "\tsource"
)

// ReadPairs reads tab-separated pairs: a header text_a, text_b, label and, if the pairs have kinds, source.
// A newline, carriage return, tab or backslash in a field is written \n, \r, \t or \\.
func ReadPairs(r io.Reader) ([]Pair, error) {
	var pairs []Pair
	columns := 0
	err := eachLine(r, func(number int, line []byte) (err error) {
		text := string(line)
		if number == 1 {
			columns, err = pairColumns(text)
			return err
		}
		pair, err := parsePair(strings.Split(text, "\t"), columns)
		pair.Line = number
		pairs = append(pairs, pair)
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(pairs) == 0 {
		return nil, errors.New("there are no pairs")
	}
	return pairs, nil
}

func pairColumns(header string) (int, error) {
	switch header {
	case pairHeader:
		return 3, nil
	case pairHeaderSource:
		return 4, nil
	}
	return 0, fmt.Errorf("the header is %s, want the columns text_a, text_b, label and source, with tabs between them", quoteShort(header))
}

func parsePair(fields []string, columns int) (p Pair, err error) {
	if len(fields) != columns {
		return p, fmt.Errorf("there are %d columns, want %d; write a tab in a text as \\t", len(fields), columns)
	}
	if p.Stored, err = textField("text_a", fields[0]); err != nil {
		return p, err
	}
	if p.Asked, err = textField("text_b", fields[1]); err != nil {
		return p, err
	}
	if fields[2] != "0" && fields[2] != "1" {
		return p, fmt.Errorf("the label is %s, want 1 (the same answer serves) or 0", quoteShort(fields[2]))
	}
	p.Same = fields[2] == "1"
	if columns == 4 {
		p.Kind, _, _ = strings.Cut(fields[3], "@")
	}
	return p, nil
}

func textField(name, field string) (string, error) {
	text, err := unescape(field)
	if err == nil && text == "" {
		err = errors.New("it is empty")
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return text, nil
}

var escapes = map[byte]byte{'n': '\n', 'r': '\r', 't': '\t', '\\': '\\'}

func unescape(field string) (string, error) {
	if strings.IndexByte(field, '\\') < 0 {
		return field, nil
	}
	var b strings.Builder
	for i := 0; i < len(field); i++ {
		if field[i] != '\\' {
			b.WriteByte(field[i])
			continue
		}
		if i++; i == len(field) {
			return "", errors.New(`a backslash ends it; write \\ for one`)
		}
		c, ok := escapes[field[i]]
		if !ok {
			return "", fmt.Errorf(`\ is followed by %q; write \n, \r, \t or \\`, firstRune(field[i:]))
		}
		b.WriteByte(c)
	}
	return b.String(), nil
}

func firstRune(text string) rune {
	r, _ := utf8.DecodeRuneInString(text)
	return r
}

// quoteShort quotes the beginning of a text for a message.
func quoteShort(text string) string { return fmt.Sprintf("%q", report.Shorten(text, 60)) }
