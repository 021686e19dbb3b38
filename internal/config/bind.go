package config

import (
	"strconv"
	"strings"
	"time"
)

// origin is where a value came from: the file, or a flag.
type origin struct {
	flag string // with its dashes
	at   span   // of the key in the file
}

// maxProblems is where the binder stops looking for more.
const maxProblems = 100

// binder puts the values of a document into a Config and notes what is wrong with them.
type binder struct {
	config   *Config
	root     *node
	problems Problems
	reported map[string]bool // unknown keys, each reported once
}

func (b *binder) document(doc document) {
	for _, s := range doc {
		n := b.open(s)
		if n == nil {
			continue
		}
		for _, p := range s.pairs {
			b.pair(n, p)
		}
	}
	b.root.leaves(func(n *node) {
		if n.free != nil {
			n.value.set(n.free.json())
		}
	})
	b.problems.sort()
}

// open returns the table a section stands for, or nil after reporting what is wrong with it.
func (b *binder) open(s section) *node {
	n := b.root
	for i, p := range s.key {
		child := b.child(n, p)
		if child == nil {
			return nil
		}
		if i == len(s.key)-1 && s.list {
			return b.add(child, p)
		}
		if n = b.table(child, p); n == nil {
			return nil
		}
	}
	return n
}

// child returns what stands below a table, or nil after reporting that nothing does.
func (b *binder) child(n *node, p part) *node {
	if n.free != nil {
		return n.freeChild(p.name)
	}
	if child := n.child(p.name); child != nil {
		b.mention(child, p)
		return child
	}
	if n.named != nil {
		if isName(p.name) {
			child := n.named(p.name)
			b.mention(child, p)
			return child
		}
		b.report(p.at, n.key, "%s: found the name %q, want 1 to %d letters, digits, - or _", n.key, p.name, maxName)
		return nil
	}
	b.unknown(n, p)
	return nil
}

// mention keeps the place where a table stands first.
func (b *binder) mention(n *node, p part) {
	if _, ok := b.config.origins[n.key]; n.table && !ok {
		b.config.origins[n.key] = origin{at: p.at}
	}
}

func (b *binder) unknown(n *node, p part) {
	key := dotted(p.name)
	if n.key != "" {
		key = n.key + "." + key
	}
	if !b.reported[key] && len(b.problems) < maxProblems {
		b.reported[key] = true
		b.report(p.at, key, "%s", unknown(n, p.name))
	}
}

// table returns n where it is a table, and the last table where it is a list of them.
func (b *binder) table(n *node, p part) *node {
	switch {
	case n.table:
		return n
	case n.free != nil:
		return b.freeTable(n, p)
	case len(n.elements) > 0:
		return n.elements[len(n.elements)-1]
	}
	b.mismatch(n, p.at, "a table")
	return nil
}

// add appends a table to a list.
func (b *binder) add(n *node, p part) *node {
	if n.free != nil && !n.table {
		return b.addFree(n, p)
	}
	if n.added == nil {
		b.mismatch(n, p.at, "a list of tables")
		return nil
	}
	child := n.added()
	b.config.origins[child.key] = origin{at: p.at}
	return child
}

func (b *binder) pair(n *node, p pair) {
	last := len(p.key) - 1
	for _, part := range p.key[:last] {
		child := b.child(n, part)
		if child == nil {
			return
		}
		if n = b.table(child, part); n == nil {
			return
		}
	}
	name := p.key[last]
	if n.named != nil && p.value.form != formTable && homes()[name.name] != "" {
		b.unknown(n, name) // a setting where the name of a table belongs
	} else if child := b.child(n, name); child != nil {
		b.assign(child, name, p.value)
	}
}

// assign gives a place its value.
func (b *binder) assign(n *node, p part, it item) {
	switch {
	case n.free != nil && !n.table:
		b.assignFree(n, p, it)
	case n.value != nil && !n.table && it.form == formScalar:
		b.set(n, p, it)
	case n.isList() && it.form == formArray:
		b.setList(n, p, it)
	case n.table && it.form == formTable:
		for _, inner := range it.pairs {
			b.pair(n, inner)
		}
	case n.added != nil && it.form == formArray:
		b.assignList(n, p, it)
	default:
		b.mismatch(n, it.at, b.describe(it))
	}
}

func (b *binder) assignList(n *node, p part, it item) {
	for _, element := range it.items {
		if element.form != formTable {
			b.mismatch(n, element.at, b.describe(element)+" in it")
			continue
		}
		child := b.add(n, part{p.name, element.at})
		for _, inner := range element.pairs {
			b.pair(child, inner)
		}
	}
}

func (b *binder) set(n *node, p part, it item) {
	if !b.once(n, p) {
		return
	}
	if !n.value.set(b.scalar(it)) {
		delete(b.config.origins, n.key)
		b.mismatch(n, it.at, b.describe(it))
	}
}

// once notes where a value stands, or reports that it stands somewhere already: the decoder lets some
// keys stand twice that TOML does not.
func (b *binder) once(n *node, p part) bool {
	earlier, ok := b.config.origins[n.key]
	if ok {
		b.again(n, p, earlier.at)
	} else {
		b.config.origins[n.key] = origin{at: p.at}
	}
	return !ok
}

func (b *binder) again(n *node, p part, earlier span) {
	number, _ := b.config.source.line(earlier.start)
	b.report(p.at, n.key, "%s is already set on line %d", n.key, number)
}

// scalar returns a value as the decoder gives it, or nil for an array or a table.
func (b *binder) scalar(it item) any {
	if it.form != formScalar {
		return nil
	}
	return decodeScalar(b.config.source.text[it.at.start:it.at.end])
}

// mismatch reports that something else stands where n belongs.
func (b *binder) mismatch(n *node, at span, found string) {
	d, ok := n.value.(discreet)
	if !ok {
		b.refuse(n, at, "found "+found+", want "+n.want())
		return
	}
	before := len(b.problems)
	b.refuse(n, at, "found something else than "+d.want())
	for i := range b.problems[before:] {
		b.problems[before+i].Excerpt = ""
	}
}

// refuse reports what is wrong with the value of n.
func (b *binder) refuse(n *node, at span, wrong string) {
	b.config.failed[n.key] = true
	b.report(at, n.key, "%s: %s", n.key, wrong)
}

func (b *binder) report(at span, key, format string, args ...any) {
	if len(b.problems) < maxProblems {
		b.problems = append(b.problems, b.config.source.problem(at, key, format, args...))
	}
}

// describe says what a value is.
func (b *binder) describe(it item) string {
	switch it.form {
	case formArray:
		return "an array"
	case formTable:
		return "a table"
	}
	text := b.config.source.text[it.at.start:it.at.end]
	return describe(decodeScalar(text), text)
}

func describe(v any, text string) string {
	switch v := v.(type) {
	case string:
		return "the string " + quoteShort(v)
	case bool:
		return "the boolean " + text
	case int64, float64:
		return "the number " + text
	case time.Time:
		return "the date " + text
	}
	return quoteShort(text)
}

// quoteShort quotes text, and cuts what nobody would read to the end.
func quoteShort(text string) string {
	const most = 40
	if runes := []rune(text); len(runes) > most {
		return strconv.Quote(string(runes[:most]) + "…")
	}
	return strconv.Quote(text)
}

// dotted returns a key as it can be printed: parts that need quotes are quoted, as Go quotes.
func dotted(parts ...string) string {
	shown := make([]string, len(parts))
	for i, part := range parts {
		if shown[i] = part; part == "" || strings.ContainsFunc(part, needsQuotes) {
			shown[i] = strconv.Quote(part)
		}
	}
	return strings.Join(shown, ".")
}

// maxName bounds the names users choose, in bytes.
const maxName = 64

// isName says whether a name can stand in a metric and in a key without quotes.
func isName(name string) bool {
	return name != "" && len(name) <= maxName && dotted(name) == name
}
