package main

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/term"
)

// progressLine shows one changing line on a terminal, and nothing elsewhere.
type progressLine struct {
	w     io.Writer
	shown bool
}

func newProgressLine(w io.Writer) *progressLine {
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return &progressLine{w: w}
	}
	return &progressLine{}
}

func (p *progressLine) show(stage string, done float64) {
	if p.w != nil {
		fmt.Fprintf(p.w, "\r\033[K%s the model, %.0f %%", stage, done*100)
		p.shown = true
	}
}

// say shows a line of its own making.
func (p *progressLine) say(format string, args ...any) {
	if p.w != nil {
		fmt.Fprintf(p.w, "\r\033[K"+format, args...)
		p.shown = true
	}
}

func (p *progressLine) clear() {
	if p.shown {
		fmt.Fprint(p.w, "\r\033[K")
	}
}
