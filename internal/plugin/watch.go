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
	go func() {
		<-s.closing
		cancel() // a load under way as well
	}()
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
			if now == last[i] && now != m.lastSeen() || m.retry() {
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

// retryLoad is how long after a plugin could not be loaded it is tried again, if there is no older one.
const retryLoad = 15 * time.Second

func (m *member) retry() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.mu.plugin == nil && m.mu.failure != nil && m.now().Sub(m.mu.tried) >= retryLoad
}

// reload loads one plugin anew. Nobody waits for it, so what comes of it is logged.
func (s *Set) reload(ctx context.Context, m *member) {
	select {
	case s.loading <- struct{}{}:
		defer func() { <-s.loading }()
	case <-ctx.Done():
		return
	}
	if err := m.load(ctx); err != nil && ctx.Err() == nil {
		m.log.Error("plugin could not be loaded", "error", err, "another in use", m.current() != nil)
	}
}
