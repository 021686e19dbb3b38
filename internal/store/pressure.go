package store

import (
	"sync"
	"sync/atomic"
)

// slowDepth is how many overlapping layers of fresh tables may be there before Apply waits for a
// compaction. Each costs every lookup a look at its filter. Pebble begins to compact at 4; only a flood
// such as an import of a million entries gets here.
const slowDepth = 20

// pressure knows how deep the fresh tables lie.
type pressure struct {
	stale atomic.Bool // depth is to be asked for again
	depth atomic.Int64

	mu struct {
		sync.Mutex
		news chan struct{} // closed and replaced at the next change
	}
}

func (p *pressure) init() { p.mu.news = make(chan struct{}) }

// changed is called by Pebble with its lock held, so it asks for nothing itself.
func (p *pressure) changed() {
	p.stale.Store(true)
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.mu.news)
	p.mu.news = make(chan struct{})
}

func (p *pressure) news() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.news
}

// throttle waits while the tables lie too deep, until the store is closed or fails.
func (s *Store) throttle() {
	p := &s.pressure
	if !p.stale.Load() && p.depth.Load() < slowDepth {
		return
	}
	for {
		news := p.news() // before the look, so that no change is missed
		if p.stale.Swap(false) {
			p.depth.Store(int64(s.db.Metrics().Levels[0].Sublevels))
		}
		if p.depth.Load() < slowDepth {
			return
		}
		select {
		case <-news:
		case <-s.closing:
			return
		case <-s.shield.broken:
			return
		}
	}
}
