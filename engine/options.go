package engine

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/kvasir-cache/kvasir/internal/seal"
	"github.com/kvasir-cache/kvasir/internal/store"
)

// Options of an Engine. The zero value of a field means its default.
type Options struct {
	// Dir is the folder of the store, made if missing. Empty keeps everything in memory until Close.
	Dir string
	// Key opens a store that is sealed, and seals one that is made. It does not count for a cache in memory.
	Key *seal.Key
	// MustExist makes Open fail with store.ErrNotFound where there is no store yet.
	MustExist bool
	// TTL is how long an answer serves; 0 means 72 hours, negative means for ever.
	TTL time.Duration
	// MaxEntries is how many answers are kept, and MaxBytes what their records hold together; 0 means 10,000 and
	// 10 GiB. Past either those of least value go: saved time, by use, for each byte.
	MaxEntries int
	MaxBytes   int64
	// TopicKeep is how many answers of each topic, of those that have served, go after all others; 0 is none.
	TopicKeep int
	// Shares are what tenants may keep, relative to others, where not everything of all fits; who is not named has 1.
	Shares map[string]float64
	// AdmitSecond stores an answer only when its request came before; what comes once takes no room.
	AdmitSecond bool
	// Stale is how long an answer past its time may serve while it is being inferred anew, for queries that have
	// that done; see Control.
	Stale time.Duration
	// ServeSampled lets a request that draws without a seed be answered from the store, and its answer
	// be remembered. By default it bypasses the cache, so that asking again gives another answer.
	ServeSampled bool
	// Strategies loads the strategies by which requests count as the same, when they are first needed. nil
	// means that only exactly equal requests do.
	Strategies func(ctx context.Context) ([]*Strategy, error)
	// Strategy is the name of the one that counts unless a query or a hook says otherwise.
	Strategy string
	// StrategyNames are the names of all, so that a query that names another is refused before any is loaded.
	// nil means that they are loaded to find out.
	StrategyNames []string
	// ExactOnly serves other texts only where their normal form is the same.
	ExactOnly bool
	// FlushInterval is how long a remembered answer may wait for its sync; 0 means 250 ms.
	FlushInterval time.Duration
	// State says how saved model state is kept.
	State StateOptions

	Hooks  Hooks // nil means nobody is asked
	Events EventListener
	Logger *slog.Logger     // nil means silence
	Now    func() time.Time // nil means time.Now
	Random io.Reader        // nil means crypto/rand

	disk      *store.FakeDisk // replaces the file system in tests
	keepAfter time.Duration   // replaces keepDelay in tests that remove entries themselves
}

const (
	defaultTTL        = 72 * time.Hour
	defaultMaxEntries = 10_000
	defaultMaxBytes   = 10 << 30
)

func (o Options) withDefaults() (Options, error) {
	if err := o.checkLimits(); err != nil {
		return o, err
	}
	var err error
	if o.State, err = o.State.withDefaults(); err != nil {
		return o, err
	}
	if o.TTL == 0 {
		o.TTL = defaultTTL
	}
	if o.MaxEntries == 0 {
		o.MaxEntries = defaultMaxEntries
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = defaultMaxBytes
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	return o, nil
}

// checkLimits reports limits that are none.
func (o *Options) checkLimits() error {
	if o.MaxEntries < 0 || o.MaxBytes < 0 || o.TopicKeep < 0 || o.Stale < 0 {
		return errors.New("max entries, max bytes, topic keep and stale must not be negative")
	}
	return checkShares(o.Shares)
}

func checkShares(tenants map[string]float64) error {
	for name, share := range tenants {
		if !(share > 0 && share <= maxShare) {
			return fmt.Errorf("share of tenant %q is %v; it must be more than 0 and at most %v", name, share, maxShare)
		}
	}
	return nil
}

// maxShare bounds what one tenant may have more than another.
const maxShare = 1e6

// expiry is when an answer remembered at now stops serving, in unix nanoseconds; 0 is never.
func (o *Options) expiry(now time.Time) int64 {
	if o.TTL < 0 {
		return 0
	}
	return now.Add(o.TTL).UnixNano()
}

// EventListener is told what happens in the cache, from the goroutine it happens in. A nil field is
// skipped. Listeners must return quickly, and may not call the engine: some are told while it holds its locks.
type EventListener struct {
	Looked     func(LookupInfo)
	Remembered func(RememberInfo)
	Removed    func(RemoveInfo)
	// StateRemoved is told of chunks of saved state that are gone.
	StateRemoved func(StateRemoveInfo)
	Failed       func(FailureInfo)
}

// LookupInfo describes a lookup.
type LookupInfo struct {
	Decision Decision
	Took     time.Duration
}

// RememberInfo describes a stored answer, which is not acknowledged yet.
type RememberInfo struct {
	Entry string
	Bytes int // of the stored record
}

// Causes of a removal.
const (
	RemovedByUser    = "user"
	RemovedByExpiry  = "expired"
	RemovedForSize   = "size"  // there were more entries than allowed
	RemovedForBytes  = "bytes" // they took more than allowed
	RemovedForShare  = "share" // its tenant took more than its share, and another did not
	RemovedAsCorrupt = "corrupt"
	RemovedAsWrong   = "wrong" // somebody said so
)

// RemoveInfo describes a removed entry.
type RemoveInfo struct {
	Entry string
	Cause string
}

// FailureInfo describes a failure of the store, or of a strategy, that cost the caller nothing but a miss.
type FailureInfo struct {
	During string
	Err    error
}
