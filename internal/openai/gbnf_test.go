package openai

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// gbnf is a grammar as a test reads it: strictly, so that what it takes the inference host takes too.
type gbnf struct{ rules map[string]part }

// part is a part of a rule.
type part interface {
	// match returns where text may end that begins at i.
	match(g *gbnf, text string, i int) map[int]bool
	// write appends some text of the part.
	write(g *gbnf, r *rand.Rand, depth int, b *strings.Builder)
}

type (
	sequence []part
	choice   []part
	text     string
	name     string
	class    struct {
		ranges [][2]rune
		not    bool
	}
	repeated struct {
		part
		least, most int // most < 0 is no limit
	}
)

func (s sequence) match(g *gbnf, in string, i int) map[int]bool {
	ends := map[int]bool{i: true}
	for _, p := range s {
		next := map[int]bool{}
		for at := range ends {
			for end := range p.match(g, in, at) {
				next[end] = true
			}
		}
		ends = next
	}
	return ends
}

func (s sequence) write(g *gbnf, r *rand.Rand, depth int, b *strings.Builder) {
	for _, p := range s {
		p.write(g, r, depth, b)
	}
}

func (c choice) match(g *gbnf, in string, i int) map[int]bool {
	ends := map[int]bool{}
	for _, p := range c {
		for end := range p.match(g, in, i) {
			ends[end] = true
		}
	}
	return ends
}

func (c choice) write(g *gbnf, r *rand.Rand, depth int, b *strings.Builder) {
	if depth > 60 { // the last one of a recursive rule is a scalar here
		c[len(c)-1].write(g, r, depth, b)
		return
	}
	c[r.IntN(len(c))].write(g, r, depth, b)
}

func (t text) match(_ *gbnf, in string, i int) map[int]bool {
	if strings.HasPrefix(in[i:], string(t)) {
		return map[int]bool{i + len(t): true}
	}
	return nil
}

func (t text) write(_ *gbnf, _ *rand.Rand, _ int, b *strings.Builder) { b.WriteString(string(t)) }

func (n name) match(g *gbnf, in string, i int) map[int]bool {
	return g.rules[string(n)].match(g, in, i)
}

func (n name) write(g *gbnf, r *rand.Rand, depth int, b *strings.Builder) {
	g.rules[string(n)].write(g, r, depth+1, b)
}

func (c class) has(r rune) bool {
	for _, bounds := range c.ranges {
		if r >= bounds[0] && r <= bounds[1] {
			return !c.not
		}
	}
	return c.not
}

func (c class) match(_ *gbnf, in string, i int) map[int]bool {
	if r, n := utf8.DecodeRuneInString(in[i:]); n > 0 && c.has(r) {
		return map[int]bool{i + n: true}
	}
	return nil
}

func (c class) write(_ *gbnf, r *rand.Rand, _ int, b *strings.Builder) {
	for {
		candidate := rune(r.IntN(0x180))
		if !c.not {
			bounds := c.ranges[r.IntN(len(c.ranges))]
			candidate = bounds[0] + rune(r.IntN(int(bounds[1]-bounds[0])+1))
		}
		if c.has(candidate) {
			b.WriteRune(candidate)
			return
		}
	}
}

func (p repeated) match(g *gbnf, in string, i int) map[int]bool {
	ends, now := map[int]bool{}, map[int]bool{i: true}
	for n := 0; len(now) > 0; n++ {
		if n >= p.least {
			for at := range now {
				ends[at] = true
			}
		}
		if n == p.most {
			break
		}
		next := map[int]bool{}
		for at := range now {
			for end := range p.part.match(g, in, at) {
				if end > at {
					next[end] = true
				}
			}
		}
		now = next
	}
	return ends
}

func (p repeated) write(g *gbnf, r *rand.Rand, depth int, b *strings.Builder) {
	n := p.least
	if more := 3; depth < 40 && (p.most < 0 || p.most > n) {
		if p.most >= 0 {
			more = min(more, p.most-n)
		}
		n += r.IntN(more + 1)
	}
	for range n {
		p.part.write(g, r, depth, b)
	}
}

// accepts reports whether a whole text follows the grammar.
func (g *gbnf) accepts(in string) bool { return name("root").match(g, in, 0)[len(in)] }

// some returns a text that follows the grammar.
func (g *gbnf) some(r *rand.Rand) string {
	var b strings.Builder
	name("root").write(g, r, 0, &b)
	return b.String()
}

// parseGBNF reads a grammar whose rules are lines.
func parseGBNF(t testing.TB, in string) *gbnf {
	t.Helper()
	g := &gbnf{rules: map[string]part{}}
	used := map[string]bool{"root": true}
	for _, line := range strings.Split(strings.TrimSuffix(in, "\n"), "\n") {
		rule, body, ok := strings.Cut(line, " ::= ")
		if !ok || g.rules[rule] != nil {
			t.Fatalf("no new rule: %q in\n%s", line, in)
		}
		p := &parser{t: t, in: body, used: used}
		g.rules[rule] = p.choice()
		if p.in != "" {
			t.Fatalf("%q is left of %q", p.in, line)
		}
	}
	for n := range used {
		if g.rules[n] == nil {
			t.Fatalf("there is no rule %q in\n%s", n, in)
		}
	}
	return g
}

type parser struct {
	t    testing.TB
	in   string
	used map[string]bool
}

func (p *parser) space() { p.in = strings.TrimLeft(p.in, " ") }

func (p *parser) choice() part {
	c := choice{p.sequence()}
	for p.space(); strings.HasPrefix(p.in, "|"); p.space() {
		p.in = p.in[1:]
		c = append(c, p.sequence())
	}
	return c
}

func (p *parser) sequence() part {
	var s sequence
	for p.space(); p.in != "" && p.in[0] != '|' && p.in[0] != ')'; p.space() {
		s = append(s, p.counted(p.one()))
	}
	if s == nil {
		p.t.Fatalf("nothing before %q", p.in)
	}
	return s
}

func (p *parser) one() part {
	switch c := p.in[0]; {
	case c == '"':
		return p.literal()
	case c == '[':
		return p.class()
	case c == '(':
		p.in = p.in[1:]
		inner := p.choice()
		if !strings.HasPrefix(p.in, ")") {
			p.t.Fatalf("no ) before %q", p.in)
		}
		p.in = p.in[1:]
		return inner
	}
	n := strings.IndexFunc(p.in+" ", func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-')
	})
	if n == 0 {
		p.t.Fatalf("neither rule nor text: %q", p.in)
	}
	rule := p.in[:n]
	p.in, p.used[rule] = p.in[n:], true
	return name(rule)
}

func (p *parser) counted(one part) part {
	if p.in == "" {
		return one
	}
	switch p.in[0] {
	case '*':
		p.in = p.in[1:]
		return repeated{one, 0, -1}
	case '?':
		p.in = p.in[1:]
		return repeated{one, 0, 1}
	case '{':
		body, rest, _ := strings.Cut(p.in[1:], "}")
		p.in = rest
		low, high, two := strings.Cut(body, ",")
		r := repeated{part: one, most: -1}
		var err error
		if r.least, err = strconv.Atoi(low); err != nil {
			p.t.Fatal(err)
		}
		if !two {
			r.most = r.least
		} else if high != "" {
			if r.most, err = strconv.Atoi(high); err != nil || r.most < r.least || r.most > maxRepeat {
				p.t.Fatalf("%q: %v", body, err)
			}
		}
		return r
	}
	return one
}

// char reads one character, or an escape.
func (p *parser) char() rune {
	r, n := utf8.DecodeRuneInString(p.in)
	p.in = p.in[n:]
	if r != '\\' {
		return r
	}
	c := p.in[0]
	p.in = p.in[1:]
	switch c {
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	case 'x':
		v, err := strconv.ParseUint(p.in[:2], 16, 8)
		if err != nil {
			p.t.Fatal(err)
		}
		p.in = p.in[2:]
		return rune(v)
	case '\\', '"', '[', ']':
		return rune(c)
	}
	p.t.Fatalf("the escape \\%c is none", c)
	return 0
}

func (p *parser) literal() part {
	var b strings.Builder
	for p.in = p.in[1:]; ; {
		if p.in == "" {
			p.t.Fatal("a text has no end")
		}
		if p.in[0] == '"' {
			p.in = p.in[1:]
			return text(b.String())
		}
		b.WriteRune(p.char())
	}
}

func (p *parser) class() part {
	var c class
	p.in = p.in[1:]
	if c.not = strings.HasPrefix(p.in, "^"); c.not {
		p.in = p.in[1:]
	}
	for p.in[0] != ']' {
		low := p.char()
		high := low
		if p.in[0] == '-' && p.in[1] != ']' {
			p.in = p.in[1:]
			high = p.char()
		}
		c.ranges = append(c.ranges, [2]rune{low, high})
	}
	p.in = p.in[1:]
	return c
}

func (c class) String() string { return fmt.Sprint(c.ranges) }
