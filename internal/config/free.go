package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"
)

// free is a part of a table that the user lays out: a scalar, a table or a list, as form says. It is
// nothing until the file gives it a value.
type free struct {
	given  bool
	form   form
	at     span // where it was given a form
	depth  int  // how many tables and lists it is inside of
	scalar any
	keys   map[string]*free
	items  []*free
}

// freeNode is a table of the tree that takes any keys. Its value is the table as JSON.
func freeNode(name string, p *json.RawMessage, head, doc string) *node {
	return &node{
		name: name, head: head, doc: doc, table: true, value: jsonValue{p},
		free: &free{given: true, form: formTable, keys: map[string]*free{}},
	}
}

// freeChild returns what stands below a free table, or makes it.
func (n *node) freeChild(name string) *node {
	child := n.free.keys[name]
	if child == nil {
		child = &free{depth: n.free.depth + 1}
		n.free.keys[name] = child
	}
	return &node{name: name, key: n.key + "." + dotted(name), free: child}
}

// freeElement appends to a free list and returns what is to stand there.
func (n *node) freeElement() *node {
	child := &free{depth: n.free.depth + 1}
	n.free.items = append(n.free.items, child)
	return n.freeLast()
}

func (n *node) freeLast() *node {
	last := len(n.free.items) - 1
	return &node{name: n.name, key: fmt.Sprintf("%s[%d]", n.key, last), free: n.free.items[last]}
}

// become makes n a table or a list, unless it is nested too deeply.
func (b *binder) become(n *node, f form, at span) bool {
	if n.free.depth >= maxDepth {
		b.refuse(n, at, fmt.Sprintf("nested deeper than %d levels", maxDepth))
		return false
	}
	n.free.given, n.free.form, n.free.at = true, f, at
	if f == formTable {
		n.free.keys = map[string]*free{}
	}
	return true
}

// freeTable returns n where it is a table or can become one, and the last table where it is a list.
func (b *binder) freeTable(n *node, p part) *node {
	switch {
	case !n.free.given:
		if !b.become(n, formTable, p.at) {
			return nil
		}
		return n
	case n.free.form == formTable:
		return n
	case n.free.form == formArray && len(n.free.items) > 0:
		return b.freeTable(n.freeLast(), p)
	}
	b.again(n, p, n.free.at)
	return nil
}

// addFree appends a table to a free list.
func (b *binder) addFree(n *node, p part) *node {
	if !n.free.given && !b.become(n, formArray, p.at) {
		return nil
	}
	if n.free.form != formArray {
		b.again(n, p, n.free.at)
		return nil
	}
	return b.freeTable(n.freeElement(), p)
}

// assignFree gives a free place its value. Tables that are written in parts are put together.
func (b *binder) assignFree(n *node, p part, it item) {
	if n.free.given && (n.free.form != formTable || it.form != formTable) {
		b.again(n, p, n.free.at)
		return
	}
	switch it.form {
	case formScalar:
		b.setFree(n, p, it)
	case formArray:
		if b.become(n, formArray, p.at) {
			for _, element := range it.items {
				b.assignFree(n.freeElement(), part{p.name, element.at}, element)
			}
		}
	case formTable:
		if n = b.freeTable(n, p); n != nil {
			for _, inner := range it.pairs {
				b.pair(n, inner)
			}
		}
	}
}

func (b *binder) setFree(n *node, p part, it item) {
	v := b.scalar(it)
	if x, ok := v.(float64); ok && (math.IsNaN(x) || math.IsInf(x, 0)) {
		b.refuse(n, it.at, "found "+b.describe(it)+", want one that JSON has")
		return
	}
	n.free.given, n.free.form, n.free.at, n.free.scalar = true, formScalar, p.at, v
}

// json returns f as JSON with its keys in order.
func (f *free) json() json.RawMessage {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(f.plain()) != nil {
		return nil // plain has nothing that JSON has not
	}
	return bytes.TrimSpace(b.Bytes())
}

// plain returns f as encoding/json takes it.
func (f *free) plain() any {
	switch f.form {
	case formTable:
		table := map[string]any{}
		for name, child := range f.keys {
			table[name] = child.plain()
		}
		return table
	case formArray:
		list := []any{}
		for _, child := range f.items {
			list = append(list, child.plain())
		}
		return list
	}
	return jsonScalar(f.scalar)
}

// jsonScalar returns a scalar of TOML as encoding/json takes it: dates and times become texts.
func jsonScalar(v any) any {
	switch v := v.(type) {
	case float64:
		return json.Number(numberText(v))
	case time.Time:
		return timeText(v)
	}
	return v
}

// timeText returns a date or time as RFC 3339 writes it, with no more than the file says. The decoder
// tells the kinds apart by the names of their places.
func timeText(t time.Time) string {
	layout := time.RFC3339Nano
	switch t.Location().String() {
	case "datetime-local":
		layout = "2006-01-02T15:04:05.999999999"
	case "date-local":
		layout = time.DateOnly
	case "time-local":
		layout = "15:04:05.999999999"
	}
	return t.Format(layout)
}

// jsonValue is a table of any keys, as JSON.
type jsonValue struct{ p *json.RawMessage }

func (j jsonValue) get() any     { return slices.Clone(*j.p) }
func (j jsonValue) want() string { return "a table" }

func (j jsonValue) set(v any) bool {
	x, ok := v.(json.RawMessage)
	if ok {
		*j.p = slices.Clone(x)
	}
	return ok
}
