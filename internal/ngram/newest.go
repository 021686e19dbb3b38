package ngram

import "slices"

// Newest returns the highest ids of a group, ascending, at most limit of them, and whether those are all there
// are.
func (x *Index) Newest(name Group, limit int) (ids []uint64, all bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	g := x.groups[name]
	if g == nil || limit < 1 {
		return nil, g == nil
	}
	n := 0
	for _, r := range g.sizes {
		n += r.len()
		for row := range r.len() {
			if ids = append(ids, r.id(row)); len(ids) == 2*limit {
				ids = newest(ids, limit)
			}
		}
	}
	return newest(ids, limit), n <= limit
}

// newest keeps the highest of ids. It is called once for each limit of them, so that all of it takes as long
// as sorting them in parts.
func newest(ids []uint64, limit int) []uint64 {
	slices.Sort(ids)
	return append(ids[:0], ids[max(0, len(ids)-limit):]...)
}
