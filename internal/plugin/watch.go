package plugin

import (
	"context"
	"os"
	"time"
)

// look is a file as it was seen.
type look struct {
	size     int64
	modified time.Time
	there    bool
}

func lookAt(path string) look {
	info, err := os.Stat(path)
	if err != nil {
		return look{}
	}
	return look{size: info.Size(), modified: info.ModTime(), there: true}
}

// watch reloads plugins whose files have changed and then stayed the same for one interval, so that a file
// that is being written is left alone.
func (s *Set) watch() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	last := make([]look, len(s.members))
	tick := time.NewTicker(s.poll)
	defer tick.Stop()
	for {
		select {
		case <-s.closing:
			return
		case <-tick.C:
		}
		for i, m := range s.members {
			now := m.look()
			if now.there && now == last[i] && now != m.lastSeen() {
				s.reload(ctx, m)
			}
			last[i] = now
		}
	}
}

// look returns the plugin's file as it is now; one without a file is never there.
func (m *member) look() look {
	if m.spec.Path == "" {
		return look{}
	}
	return lookAt(m.spec.Path)
}

func (m *member) lastSeen() look {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.mu.seen
}

// reload loads one plugin anew. What goes wrong is logged by the member.
func (s *Set) reload(ctx context.Context, m *member) {
	s.loading <- struct{}{}
	defer func() { <-s.loading }()
	_ = m.load(ctx)
}
