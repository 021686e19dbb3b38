package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/kvasir-cache/kvasir/hostapi"
	pb "github.com/kvasir-cache/kvasir/hostapi/process/pluginpb"
)

// pluginServer answers gRPC calls from the functions that its factory makes. Its handlers return plain
// errors; the interceptors in intercept.go put them on the wire.
type pluginServer struct {
	pb.UnimplementedPluginServer
	factory Factory

	mu struct {
		sync.Mutex
		begun     bool
		functions *Functions // nil until an Init succeeded
	}
}

// ready returns the functions, or an error before Init.
func (s *pluginServer) ready() (*Functions, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.functions == nil {
		return nil, fmt.Errorf("%w: it is not initialised", hostapi.ErrLoad)
	}
	return s.mu.functions, nil
}

// begin claims the one Init that there may be.
func (s *pluginServer) begin() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.begun {
		return fmt.Errorf("%w: it is initialised already", hostapi.ErrLoad)
	}
	s.mu.begun = true
	return nil
}

func (s *pluginServer) finish(f *Functions) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.functions = f
}

// close calls the Close of the functions, if there is one.
func (s *pluginServer) close() {
	if f, err := s.ready(); err == nil && f.Close != nil {
		_ = f.Close() // the process ends next; nobody is left to tell
	}
}

// Init implements the method of that name.
func (s *pluginServer) Init(ctx context.Context, m *pb.InitRequest) (*pb.InitResponse, error) {
	if err := s.begin(); err != nil {
		return nil, err
	}
	var init hostapi.Init
	if err := json.Unmarshal(m.GetInit(), &init); err != nil { // a later host may say more, which is no error
		return nil, fmt.Errorf("%w: init: %v", hostapi.ErrLoad, err)
	}
	f, err := s.factory(ctx, init)
	if err == nil && f == nil {
		err = errors.New("the factory made nothing")
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", hostapi.ErrLoad, err)
	}
	answer, err := describe(f)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", hostapi.ErrLoad, err)
	}
	s.finish(f)
	return answer, nil
}

// describe returns what f says of itself, once that is known to be true.
func describe(f *Functions) (*pb.InitResponse, error) {
	manifest, err := json.Marshal(f.Manifest)
	if err == nil {
		_, err = decodeManifest(manifest, f.roles())
	}
	if err != nil {
		return nil, err
	}
	m := &pb.InitResponse{Version: hostapi.Version, Manifest: manifest, Explain: f.Explain != nil}
	for _, r := range f.roles() {
		m.Roles = append(m.Roles, string(r))
	}
	return m, nil
}

// decodeManifest reads a manifest of a plugin that has functions for some roles.
func decodeManifest(data []byte, has []hostapi.Role) (*hostapi.Manifest, error) {
	if len(has) == 0 {
		return nil, errors.New("it has no function for any role")
	}
	return hostapi.DecodeManifest(data, has)
}
