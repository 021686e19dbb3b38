package fingerprint

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"sync"
)

// Salt is a tenant's secret. Who has it can say whether an entry of the tenant answers a guessed
// request. It prints as a placeholder whatever the verb, except inside an unexported field, where
// fmt cannot ask it.
type Salt [32]byte

// Format implements fmt.Formatter.
func (Salt) Format(s fmt.State, _ rune) { io.WriteString(s, redacted) }

// LogValue implements slog.LogValuer.
func (Salt) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText implements encoding.TextMarshaler, for encoders that know nothing of secrets.
func (Salt) MarshalText() ([]byte, error) { return []byte(redacted), nil }

const redacted = "[salt]"

func (s Salt) hex() string { return hex.EncodeToString(s[:]) }

// Salts holds the salts of all tenants of one store. Its methods may be called from many
// goroutines at once.
type Salts struct {
	path   string // empty for salts in memory
	random io.Reader
	sealer Sealer // nil: the file is plain

	create sync.Mutex // held while a salt is made and written; taken before mu
	mu     struct {
		sync.RWMutex
		byTenant map[string]Salt // replaced as a whole, never changed
	}
}

// NewSalts keeps salts in memory, for stores that do. Random is where they come from; nil means
// crypto/rand.
func NewSalts(random io.Reader) *Salts {
	s := &Salts{random: random}
	if random == nil {
		s.random = rand.Reader
	}
	s.mu.byTenant = map[string]Salt{}
	return s
}

// Sealer encrypts the file, and reads it again.
type Sealer interface {
	SealFile(name string, content []byte) []byte
	OpenFile(name string, sealed []byte) ([]byte, error)
}

// OpenSealedSalts is OpenSalts for a file that is sealed by sealer.
func OpenSealedSalts(dir string, random io.Reader, sealer Sealer) (*Salts, error) {
	return readAll(dir, random, sealer)
}

// OpenSalts reads the file "salts" in the store's folder dir, which exists. Without the file there
// is no salt yet, and the first one creates it. Random is as for NewSalts.
//
// Two Salts over one folder would each write the file without the other's new tenants, so the
// caller holds the store's lock for as long as it uses Salts.
//
// A file that others may read, that ends early or that holds anything else is an error that says
// what and where; ErrMalformed marks the last two. Nothing is mended: without its salt a tenant's
// entries cannot be found.
func OpenSalts(dir string, random io.Reader) (*Salts, error) { return readAll(dir, random, nil) }

// readAll reads the file, whichever it is.
func readAll(dir string, random io.Reader, sealer Sealer) (*Salts, error) {
	s := NewSalts(random)
	s.path, s.sealer = saltsPath(dir), sealer
	removeLeftovers(s.path)
	salts, err := readSalts(s.path, sealer)
	if err != nil {
		return nil, err
	}
	s.mu.byTenant = salts
	return s, nil
}

// Salt returns the salt of a tenant, and makes one for a new tenant. The new one is on disk when
// Salt returns.
func (s *Salts) Salt(tenant string) (Salt, error) {
	if salt, ok := s.find(tenant); ok {
		return salt, nil
	}
	s.create.Lock()
	defer s.create.Unlock()
	if salt, ok := s.find(tenant); ok {
		return salt, nil
	}
	var salt Salt
	if _, err := io.ReadFull(s.random, salt[:]); err != nil {
		return Salt{}, fmt.Errorf("salt of tenant %q: %w", tenant, err)
	}
	if err := s.add(tenant, salt); err != nil {
		return Salt{}, fmt.Errorf("salt of tenant %q: %w", tenant, err)
	}
	return salt, nil
}

// Has says whether a tenant has a salt.
func (s *Salts) Has(tenant string) bool {
	_, ok := s.find(tenant)
	return ok
}

func (s *Salts) find(tenant string) (Salt, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	salt, ok := s.mu.byTenant[tenant]
	return salt, ok
}

// add writes the file before anyone can see the salt. The caller holds create.
func (s *Salts) add(tenant string, salt Salt) error {
	s.mu.RLock()
	salts := maps.Clone(s.mu.byTenant)
	s.mu.RUnlock()
	salts[tenant] = salt
	if err := s.write(salts); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.byTenant = salts
	return nil
}

func (s *Salts) write(salts map[string]Salt) error {
	if s.path == "" {
		return nil
	}
	content := encodeSalts(salts)
	if s.sealer != nil {
		content = s.sealer.SealFile(saltsName, content)
	}
	return replaceFile(s.path, content)
}

// Rewrite writes the file anew as the sealer writes it now, if there is a salt. It is there whole, as before or as now.
func (s *Salts) Rewrite() error {
	s.create.Lock()
	defer s.create.Unlock()
	s.mu.RLock()
	salts := s.mu.byTenant
	s.mu.RUnlock()
	if len(salts) == 0 {
		return nil
	}
	return s.write(salts)
}

// Format implements fmt.Formatter with String, whatever the verb.
func (s *Salts) Format(state fmt.State, _ rune) { io.WriteString(state, s.String()) }

// String says how many tenants there are.
func (s *Salts) String() string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return fmt.Sprintf("salts of %d tenants", len(s.mu.byTenant))
}
