package prochost

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/kvasir-cache/kvasir/hostapi/process"
	"github.com/kvasir-cache/kvasir/internal/base"
)

// requestID tells requests apart by their content.
type requestID [sha256.Size]byte

// identify hashes a method and its arguments, each with its length.
func identify(method string, parts ...string) requestID {
	h := sha256.New()
	for _, p := range append([]string{method}, parts...) {
		h.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(p))))
		h.Write([]byte(p))
	}
	return requestID(h.Sum(nil))
}

// identifyGenerate hashes a valid request. The wire form of a request is the same each time within
// one process, which is all the life that an id has.
func identifyGenerate(r *base.Request) requestID {
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(process.EncodeRequest(r))
	if err != nil {
		panic(fmt.Sprintf("prochost: a valid request does not marshal: %v", err))
	}
	return identify("generate", string(data))
}

// Limits on what is remembered of requests that met a death.
const (
	maxDeaths   = 2    // deaths after which a request is refused
	maxSuspects = 1024 // requests; the one that would expire first gives way
	suspectTime = time.Hour
)

// suspects counts the deaths that requests met.
type suspects struct {
	clock Clock

	mu struct {
		sync.Mutex
		met     map[requestID]suspect
		refused uint64
	}
}

type suspect struct {
	deaths  int
	last    *runnerProcess // whose death was counted last; equal requests met it together
	expires time.Time
}

func newSuspects(clock Clock) *suspects {
	s := &suspects{clock: clock}
	s.mu.met = map[requestID]suspect{}
	return s
}

// add counts the death of p against the request.
func (s *suspects) add(p *runnerProcess, id requestID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expireLocked()
	m, known := s.mu.met[id]
	if m.last == p {
		return
	}
	if !known && len(s.mu.met) >= maxSuspects {
		s.dropFirstLocked()
	}
	s.mu.met[id] = suspect{deaths: m.deaths + 1, last: p, expires: s.clock.Now().Add(suspectTime)}
}

func (s *suspects) expireLocked() {
	now := s.clock.Now()
	for id, m := range s.mu.met {
		if !now.Before(m.expires) {
			delete(s.mu.met, id)
		}
	}
}

func (s *suspects) dropFirstLocked() {
	var first requestID
	var expires time.Time
	for id, m := range s.mu.met {
		if expires.IsZero() || m.expires.Before(expires) {
			first, expires = id, m.expires
		}
	}
	delete(s.mu.met, first)
}

// refuse returns an error if the request has met too many deaths. It asks for the id only when there
// is a suspect at all.
func (s *suspects) refuse(id func() requestID) error {
	if !s.any() {
		return nil
	}
	m, found := s.find(id())
	if !found || m.deaths < maxDeaths {
		return nil
	}
	return &base.Error{
		Sentinel: base.ErrInvalid,
		Message: fmt.Sprintf("this request stopped the inference host twice and is refused until %s",
			m.expires.Format(time.TimeOnly)),
		Hint: "change the request; a restart of kvasir lifts the refusal",
	}
}

func (s *suspects) any() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.mu.met) > 0
}

// find returns what is known of a request, and counts the refusal that follows from it.
func (s *suspects) find(id requestID) (suspect, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expireLocked()
	m, found := s.mu.met[id]
	if m.deaths >= maxDeaths {
		s.mu.refused++
	}
	return m, found
}

func (s *suspects) refusals() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.refused
}
