package server

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Server answers requests. Its methods may be called from many goroutines.
type Server struct {
	options  Options
	began    time.Time
	access   atomic.Pointer[access]
	running  counter // requests at once
	stopping atomic.Bool
	metrics  *metrics
	history  history
	pace     pace
	applying sync.Mutex

	bodyTime, waitPeriod time.Duration // tests have less patience
}

// New returns a server that serves nothing yet.
func New(o Options) (*Server, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Server{options: o, began: o.Now(), bodyTime: bodyTime, waitPeriod: waitPeriod}
	s.metrics = newMetrics(s)
	return s, s.Apply(o.Settings)
}

// Apply puts settings in the place of those that count. Requests under way keep theirs. What tenants have used
// of their limits still counts.
func (s *Server) Apply(settings Settings) error {
	s.applying.Lock()
	defer s.applying.Unlock()
	a, err := newAccess(settings, s.access.Load())
	if err != nil {
		return err
	}
	s.access.Store(a)
	return nil
}

// Listeners are where a server serves. A nil one serves nothing.
type Listeners struct {
	API   net.Listener
	Admin net.Listener
	Drain time.Duration // how long requests may go on once the server is told to stop
}

// Limits of a connection.
const (
	headerTime  = 10 * time.Second // to send the headers
	bodyTime    = 60 * time.Second // to send the body
	writeTime   = 30 * time.Second // to take a piece of the answer
	idleTime    = 2 * time.Minute  // between requests
	maxHeaders  = 32 << 10         // bytes
	waitPeriod  = 10 * time.Second // between signs of life in a stream
	defaultWait = time.Second      // that a client is told to wait, where nothing better is known
)

// errStopping ends requests that outlast the drain.
var errStopping = errors.New("the server is stopping")

// Serve serves until ctx ends. Then it takes no more requests, lets those under way go on for l.Drain, and
// ends what is left. It returns an error if a listener failed.
func (s *Server) Serve(ctx context.Context, l Listeners) error {
	alive, end := context.WithCancelCause(context.WithoutCancel(ctx))
	defer end(nil)
	failed := make(chan error, 2)
	var servers []*http.Server
	for _, one := range []struct {
		listener net.Listener
		handler  http.Handler
	}{{l.API, s.API()}, {l.Admin, s.Admin()}} {
		if one.listener == nil {
			continue
		}
		h := &http.Server{
			Handler: one.handler, ReadHeaderTimeout: headerTime, IdleTimeout: idleTime, MaxHeaderBytes: maxHeaders,
			BaseContext: func(net.Listener) context.Context { return alive },
			ErrorLog:    quiet(s.options.Logger),
		}
		servers = append(servers, h)
		go func() { failed <- h.Serve(one.listener) }()
	}
	var keeping sync.WaitGroup
	if l.Admin != nil {
		keeping.Go(func() { s.keepHistory(alive) })
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	s.stopping.Store(true)
	stop(servers, l.Drain, func() { end(errStopping) })
	end(nil)
	keeping.Wait()
	return err
}

// lastWords is how long requests have to say that they were ended.
const lastWords = 2 * time.Second

// stop lets requests go on for a while, ends the rest, and closes all connections.
func stop(servers []*http.Server, drain time.Duration, end func()) {
	ctx, cancel := context.WithTimeout(context.Background(), drain+lastWords)
	defer cancel()
	timer := time.AfterFunc(drain, end)
	defer timer.Stop()
	var all sync.WaitGroup
	for _, h := range servers {
		all.Go(func() {
			if h.Shutdown(ctx) != nil {
				_ = h.Close()
			}
		})
	}
	all.Wait()
}

// counter counts what goes on at once.
type counter struct{ n atomic.Int64 }

// enter counts one more, unless there are limit of them; 0 is no limit.
func (c *counter) enter(limit int) bool {
	if n := c.n.Add(1); limit > 0 && n > int64(limit) {
		c.n.Add(-1)
		return false
	}
	return true
}

func (c *counter) leave() { c.n.Add(-1) }
