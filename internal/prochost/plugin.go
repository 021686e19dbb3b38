package prochost

import (
	"context"
	"fmt"
	"sync"

	"github.com/kvasir-cache/kvasir/hostapi"
)

// Plugin is a plugin in a process that is started again when it dies. It is safe for use by many
// goroutines at once. See OpenPlugin for what its errors mean.
type Plugin struct {
	options    PluginOptions
	supervisor *supervisor[initialised]
	slots      chan struct{} // one in it for each call at the process

	mu struct {
		sync.Mutex
		closed bool
	}
	callers   sync.WaitGroup // calls that somebody waits for; added to under mu
	exchanges sync.WaitGroup // calls at the process; added to by callers
}

var (
	_ hostapi.Plugin    = (*Plugin)(nil)
	_ hostapi.Explainer = (*Plugin)(nil)
)

// OpenPlugin starts the program and returns when it is initialised; ctx bounds that and nothing after it.
// A program that does not start, is no plugin or says that it cannot work gives hostapi.ErrLoad.
//
// Afterwards a call fails with
//
//   - hostapi.ErrTrap when the process dies under it, or its code panics. The process is started again at
//     once, and at repeated deaths after a back-off. A call waits for the start but not during
//     the back-off.
//   - hostapi.ErrBusy when the start takes longer than RestartWait, or when too many calls are under way.
//   - hostapi.ErrRests during a back-off.
//   - hostapi.ErrLoad when the program did not start again, or came back as another.
//   - hostapi.ErrBudget when it has no answer at its deadline. The process goes on with it meanwhile, and
//     is killed if it has none when Patience is over too.
//   - hostapi.ErrOutput, ErrFailed, ErrRole and ErrClosed as every plugin.
//
// A text that no plugin takes, because it is too long or not UTF-8, is the caller's base.ErrInvalid, and
// the end of ctx gives its own error.
func OpenPlugin(ctx context.Context, o PluginOptions) (*Plugin, error) {
	o, err := o.filled()
	if err != nil {
		return nil, err
	}
	s, err := supervised(ctx, pluginKind(o))
	if err != nil {
		return nil, fmt.Errorf("plugin %q: %w", o.Name, err)
	}
	return &Plugin{options: o, supervisor: s, slots: make(chan struct{}, o.Calls)}, nil
}

// Close waits for the calls that somebody waits for, stops the process, by asking it and after three
// seconds by force, and returns when it has ended and its socket is gone. Close may be called again.
func (p *Plugin) Close() error {
	p.mu.Lock()
	p.mu.closed = true
	p.mu.Unlock()
	p.callers.Wait()
	p.supervisor.close()
	p.exchanges.Wait()
	return nil
}

// PluginStatus is what the supervisor knows at a moment.
type PluginStatus struct {
	PID    int    // of the process that serves; 0 while there is none
	Deaths uint64 // unexpected ends of a process that served
}

// Status returns the state of the process. It does not wait for it.
func (p *Plugin) Status() PluginStatus {
	pid, deaths := p.supervisor.state()
	return PluginStatus{PID: pid, Deaths: deaths}
}

// Manifest implements hostapi.Plugin.
func (p *Plugin) Manifest() *hostapi.Manifest { return p.supervisor.first.manifest }

// enter lets a call in, which must then leave, unless the plugin is closed.
func (p *Plugin) enter() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.closed {
		return hostapi.ErrClosed
	}
	p.callers.Add(1)
	return nil
}

func (p *Plugin) leave() { p.callers.Done() }
