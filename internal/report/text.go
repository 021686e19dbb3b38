package report

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Printer writes text and keeps the first error.
type Printer struct {
	W   io.Writer
	Err error
}

// Printf writes unless something failed before.
func (p *Printer) Printf(format string, args ...any) {
	if p.Err == nil {
		_, p.Err = fmt.Fprintf(p.W, format, args...)
	}
}

// Table aligns the columns of what f prints; tabs end them.
func (p *Printer) Table(f func(t *Printer)) {
	t := tabwriter.NewWriter(p.W, 0, 0, 2, ' ', 0)
	f(&Printer{W: t})
	if err := t.Flush(); p.Err == nil {
		p.Err = err
	}
}

// plainWidth is the most characters of a plain text.
const plainWidth = 100

// Plain makes a text one short line without control characters.
func Plain(text string) string {
	text = strings.Join(strings.Fields(Shorten(text, 4*plainWidth)), " ")
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return '\ufffd'
		}
		return r
	}, text)
	return Shorten(text, plainWidth)
}

// Shorten returns at most n characters of a text.
func Shorten(text string, n int) string {
	for i := range text {
		if n == 0 {
			return text[:i] + "…"
		}
		n--
	}
	return text
}
