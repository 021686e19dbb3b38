package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// unknown explains a key that table n does not have, by the key that was probably meant.
func unknown(n *node, name string) string {
	text := "unknown key " + quoteShort(name)
	if n.head != "" {
		text += " in " + n.head
	}
	elsewhere := homes()
	if head, ok := elsewhere[name]; ok && head != n.head {
		return text + "; it belongs in " + head
	}
	if near := nearest(name, childNames(n)); near != "" {
		return fmt.Sprintf("%s; did you mean %q?", text, near)
	}
	if near := nearest(name, slices.Sorted(maps.Keys(elsewhere))); near != "" {
		return fmt.Sprintf("%s; did you mean %q in %s?", text, near, elsewhere[near])
	}
	return fmt.Sprintf("%s; known keys: %s", text, strings.Join(childNames(n), ", "))
}

func childNames(n *node) []string {
	var names []string
	for _, child := range n.children {
		names = append(names, child.name)
	}
	return names
}

// homes maps the name of every setting to the table it belongs in, or the tables.
var homes = sync.OnceValue(func() map[string]string {
	c := Default()
	strategy := strategyNode("NAME", defaultStrategy())
	plugin := pluginNode("NAME", defaultPlugin(), ".")
	adapter := adapterNode("host.adapter[0]", &Adapter{}, ".")
	tenant := tenantNode("NAME", defaultTenant())
	heads := map[string]string{}
	for _, t := range []*node{c.cacheNode(), strategy, plugin, plugin.child("script"), c.hostNode(), adapter, c.serverNode(), tenant} {
		for _, child := range t.children {
			if other := heads[child.name]; other != "" {
				heads[child.name] = other + " or " + t.head
			} else {
				heads[child.name] = t.head
			}
		}
	}
	return heads
})

// nearest returns the candidate that name is probably a misspelling of, or the empty string.
func nearest(name string, candidates []string) string {
	best, least := "", 0
	for _, candidate := range candidates {
		d, ok := likeness(plain(name), plain(candidate))
		if ok && (best == "" || d < least) {
			best, least = candidate, d
		}
	}
	return best
}

// likeness says whether two names are alike, and how many edits they are apart.
func likeness(a, b string) (edits int, alike bool) {
	short, long := min(len(a), len(b)), max(len(a), len(b))
	if long > 2*maxName {
		return 0, false
	}
	edits = distance(a, b)
	if edits <= max(1, short/3) && edits < short {
		return edits, true
	}
	// "max" is short for "max_entries", and "ttl_hours" says more than "ttl".
	return edits, short >= 3 && (strings.HasPrefix(a, b) || strings.HasPrefix(b, a))
}

// plain returns a name as it sounds: MaxEntries, max-entries and max_entries are one.
func plain(name string) string { return strings.ToLower(dashes.Replace(name)) }

var dashes = strings.NewReplacer("_", "", "-", "")

// distance counts the bytes to insert, delete, replace, or swap with their neighbour, to turn a
// into b.
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before, last, row = last, row, before
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j]+cost, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
	}
	return row[len(b)]
}
