package config

import (
	"fmt"
	"slices"
)

// listValue is a list of texts. With words, each is one of them and stands in it once.
type listValue struct {
	p     *[]string
	words []string
}

func (l listValue) get() any { return append([]string{}, *l.p...) }

func (l listValue) want() string {
	if len(l.words) == 0 {
		return "a list of strings"
	}
	return "a list of " + choiceValue[string]{words: l.words}.want()
}

func (l listValue) set(v any) bool {
	texts, ok := v.([]string)
	if ok {
		*l.p = append([]string(nil), texts...)
	}
	return ok
}

// check says what is wrong with an element behind others, or nothing.
func (l listValue) check(before []string, text string) string {
	found := "found the string " + quoteShort(text)
	switch {
	case len(l.words) == 0:
		return ""
	case slices.Contains(before, text):
		return found + " twice"
	case slices.Contains(l.words, text):
		return ""
	}
	found += ", want " + choiceValue[string]{words: l.words}.want()
	if near := nearest(text, l.words); near != "" {
		found += fmt.Sprintf("; did you mean %q?", near)
	}
	return found
}

// setList gives a list its elements, unless one of them is refused.
func (b *binder) setList(n *node, p part, it item) {
	list := n.value.(listValue)
	var texts []string
	allowed := true
	for _, element := range it.items {
		text, isText := b.scalar(element).(string)
		wrong := list.check(texts, text)
		switch {
		case !isText:
			b.mismatch(n, element.at, b.describe(element)+" in it")
		case wrong != "":
			b.refuse(n, element.at, wrong)
		}
		allowed = allowed && isText && wrong == ""
		texts = append(texts, text)
	}
	if b.once(n, p) && allowed {
		list.set(texts)
	}
}
