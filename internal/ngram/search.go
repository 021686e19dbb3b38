package ngram

// SearchOptions say what a search looks for. The zero value of a field means its default.
type SearchOptions struct {
	// Measure is what scores mean; the zero value is ByJaccard.
	Measure Measure
	// Floor is the lowest score of a match. Whatever it is, a match shares a gram with the query.
	Floor float64
	// Limit is how many matches are wanted at most; 0 means 1.
	Limit int
	// MaxReads is how many entries may be read; 0 means DefaultMaxReads, less means any number.
	MaxReads int
}

// DefaultMaxReads is enough for all but queries that thousands of entries resemble equally.
const DefaultMaxReads = 256

// Match is an entry that a search found.
type Match struct {
	ID    uint64
	Score float64
}

// SearchInfo says what a search did.
type SearchInfo struct {
	Scanned int // signatures compared
	Read    int // entries read
	// Incomplete says that MaxReads was reached: matches may be missing, better ones too. What was found
	// is right all the same.
	Incomplete bool
}

// Search returns the matches of a query in a group, best first, and among equals the lowest id first.
// The query is a set as AppendSet makes it. read returns the set of an entry, which is used until the next
// call, or false if there is no such entry any more.
//
// The result is what comparing with every entry of the group would give, unless info says that it is
// incomplete. Entries are read in the order of the best score their signatures allow, and as soon as
// nothing can be better than what was found, the search ends. Entries that are added or removed during a
// search may be found or not.
func (x *Index) Search(name Group, query []uint64, o SearchOptions, read func(id uint64) (set []uint64, ok bool)) ([]Match, SearchInfo) {
	g := x.group(name)
	if g == nil {
		return nil, SearchInfo{}
	}
	s := searches.Get().(*search)
	defer s.recycle()
	s.begin(g.kind, query, o)
	for more := true; more && !s.info.Incomplete; {
		more = x.scanNext(g, s)
		s.readReady(read, more)
	}
	return s.matches.list(), s.info
}

func (x *Index) group(name Group) *group {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.groups[name]
}

// scanNext scans the entries of one size, the one that allows the best score of those to come. It returns
// false if none of them can hold a match that counts.
func (x *Index) scanNext(g *group, s *search) bool {
	x.mu.RLock()
	defer x.mu.RUnlock()
	down, up := g.atMost(s.below.next), g.atLeast(s.above.next)
	s.below.most, s.above.most = s.most(down), s.most(up)
	w, r := &s.below, down
	if s.above.most > s.below.most {
		w, r = &s.above, up
	}
	if r == nil || w.most < s.floor() {
		return false
	}
	s.scan(w, r)
	w.next = r.size + w.step
	w.most = s.Measure.most(len(s.query), w.next)
	return true
}

// atMost returns the rows of the largest size up to size, or nil. Empty sets are left out: they match
// nothing.
func (g *group) atMost(size int) *rows {
	at, found := g.find(size)
	if !found {
		at--
	}
	if at < 0 || g.sizes[at].size == 0 {
		return nil
	}
	return g.sizes[at]
}

// atLeast returns the rows of the smallest size from size on, or nil.
func (g *group) atLeast(size int) *rows {
	if at, _ := g.find(size); at < len(g.sizes) {
		return g.sizes[at]
	}
	return nil
}
