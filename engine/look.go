package engine

// looking is a lookup under way. The request behind it may join a flight that lands before the lookup is over: what it
// found out is older than what that flight remembered, and a second inference would be for nothing.
type looking struct {
	fs       *flights // nil where requests share nothing, and when it is done
	landings uint64   // before it began
	round    int
}

// looks keeps the flights that landed until nobody looks any more who began before. It counts lookups in two rounds:
// those that began in this one and those left of the last. When none is left of the last, this one becomes the last.
type looks struct {
	landings uint64
	round    int
	running  [2]int      // lookups, by the round they began in
	kept     [2][]landed // flights, by the round they landed in
}

type landed struct {
	key    [32]byte
	flight *flight
}

// look begins a lookup. The caller ends it with done, or gives it to share. fs may be nil.
func (fs *flights) look() *looking {
	if fs == nil {
		return &looking{}
	}
	fs.mu.Lock()
	defer fs.mu.Unlock()
	s := &fs.mu.looks
	s.running[s.round]++
	return &looking{fs: fs, landings: s.landings, round: s.round}
}

// done ends the lookup. It may be called again.
func (l *looking) done() {
	fs := l.fs
	if fs == nil {
		return
	}
	l.fs = nil
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.mu.looks.running[l.round]--
	fs.forgetLocked()
}

// landed numbers a flight that ends, and keeps it for those who look, if it ended well.
func (fs *flights) landed(key [32]byte, f *flight, err error) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	s := &fs.mu.looks
	s.landings++
	f.landing = s.landings
	if err != nil {
		fs.dropLocked(landed{key, f})
		return
	}
	s.kept[s.round] = append(s.kept[s.round], landed{key, f})
	fs.forgetLocked()
}

// forgetLocked drops the flights that only lookups of the last round may join, for each round that is over.
func (fs *flights) forgetLocked() {
	s := &fs.mu.looks
	for s.running[1-s.round] == 0 && len(s.kept[0])+len(s.kept[1]) > 0 {
		last := 1 - s.round
		for _, l := range s.kept[last] {
			fs.dropLocked(l)
		}
		s.kept[last] = nil
		s.round = last
	}
}

func (fs *flights) dropLocked(l landed) {
	if fs.mu.byKey[l.key] == l.flight {
		delete(fs.mu.byKey, l.key)
	}
}
