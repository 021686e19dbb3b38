package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing wrong with a configuration, and where.
type Problem struct {
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`   // from 1; 0 when it is not one place of the file
	Column  int    `json:"column,omitempty"` // in characters, from 1
	Flag    string `json:"flag,omitempty"`   // the flag that gave the value, such as --cache-max
	Key     string `json:"key,omitempty"`    // such as cache.max_entries
	Message string `json:"message"`
	Excerpt string `json:"excerpt,omitempty"` // the line and a caret under the place, in two lines
}

// Error returns the place and the message, and the line of the file below them.
func (p *Problem) Error() string {
	var place string
	switch {
	case p.Flag != "":
		place = p.Flag + ": "
	case p.Line > 0:
		place = fmt.Sprintf("%s:%d:%d: ", p.File, p.Line, p.Column)
	case p.File != "":
		place = p.File + ": "
	}
	text := place + p.Message
	if p.Excerpt != "" {
		text += "\n" + p.Excerpt
	}
	return text
}

// Problems are the problems of one configuration, in order of their place.
type Problems []Problem

// maxShown is how many problems Error spells out.
const maxShown = 20

// Error returns the problems one after the other.
func (ps Problems) Error() string {
	var lines []string
	for i := range ps[:min(len(ps), maxShown)] {
		lines = append(lines, ps[i].Error())
	}
	if more := len(ps) - maxShown; more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns each problem as a *Problem.
func (ps Problems) Unwrap() []error {
	errs := make([]error, len(ps))
	for i := range ps {
		errs[i] = &ps[i]
	}
	return errs
}

// sort puts ps in order of place.
func (ps Problems) sort() {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}

// err returns ps as an error, or nil if there are none.
func (ps Problems) err() error {
	if len(ps) == 0 {
		return nil
	}
	return ps
}
