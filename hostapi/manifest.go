package hostapi

import (
	"encoding/json"
	"fmt"
	"slices"
	"unicode/utf8"
)

// Init is what a plugin is told when an instance of it begins.
type Init struct {
	ABI      string          `json:"abi"`      // "1.0"
	Name     string          `json:"name"`     // the plugin's name in cache.toml
	Features []string        `json:"features"` // what this host can do: HostFeatures
	Config   json.RawMessage `json:"config"`   // an object: the plugin's config in cache.toml
	Limits   Limits          `json:"limits"`
}

// Limits of a plugin. In a manifest they are what it wants, and 0 means the host's default; it never gets
// more than the configuration allows.
type Limits struct {
	MemoryBytes uint64 `json:"memory_bytes,omitempty"` // of one instance
	Steps       uint64 `json:"steps,omitempty"`        // of one normalize or hook call; scoring a lookup has five times as many
}

// HostFeatures are the host functions there are without a grant.
func HostFeatures() []string {
	return []string{"log", "error_set", "config_get", "metric_add", "text_fold", "ngrams", "ngram_jaccard", "set_jaccard"}
}

// Manifest is what a plugin says of itself.
type Manifest struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	// Roles are those that the plugin wants to be used in; none means all that it exports.
	Roles []Role `json:"roles,omitempty"`
	// Scorer is for plugins with RoleFeatures or RoleScore; DecodeManifest fills in what they leave out.
	Scorer *Scorer `json:"scorer,omitempty"`
	Limits Limits  `json:"limits,omitzero"`
}

// ScorerClass says how candidates for a scorer are found.
type ScorerClass string

const (
	ClassFeatures ScorerClass = "features" // by the plugin's own sets, indexed and scored natively
	ClassRerank   ScorerClass = "rerank"   // by an n-gram index; the plugin scores what it finds
	ClassScan     ScorerClass = "scan"     // all entries of the namespace, up to a limit
)

// Scorer says how a scorer wants to be used.
type Scorer struct {
	Class ScorerClass `json:"class"`
	// Measure compares the sets of ClassFeatures: "jaccard" or "containment".
	Measure string `json:"measure,omitempty"`
	// Index finds the candidates of ClassRerank; nil means DefaultIndex.
	Index *Index `json:"index,omitempty"`
	// Sound promises that no candidate below the index's floor would reach the threshold. A wrong promise
	// loses hits; it never makes a wrong answer.
	Sound bool `json:"sound,omitempty"`
	// MaxEntries bounds ClassScan; 0 means 1,000.
	MaxEntries int `json:"max_entries,omitempty"`
}

// Index is an n-gram index and what to take from it.
type Index struct {
	Unit  string  `json:"unit"`            // "char" or "word"
	Min   int     `json:"min"`             // least n, 1 to 8
	Max   int     `json:"max"`             // largest n
	Floor float64 `json:"floor,omitempty"` // least Jaccard score, in [0,1]
	Limit int     `json:"limit,omitempty"` // most candidates; 0 means 64
}

// DefaultIndex is the index of a scorer that asks for none.
func DefaultIndex() *Index { return &Index{Unit: "char", Min: 2, Max: 3, Floor: 0.7} }

// Has reports whether the plugin is used in a role.
func (m *Manifest) Has(r Role) bool { return slices.Contains(m.Roles, r) }

// DecodeManifest reads a manifest. exported are the roles the plugin has functions for; they are filled in
// where the manifest names none. A scorer that the manifest does not describe is filled in too: it reranks
// what DefaultIndex finds, or, if it only has RoleFeatures, its sets are compared by jaccard. Unknown
// fields are errors.
func DecodeManifest(data []byte, exported []Role) (*Manifest, error) {
	var m Manifest
	if len(data) > 0 {
		if err := decodeStrict("manifest", data, &m); err != nil {
			return nil, err
		}
	}
	if len(m.Roles) == 0 {
		m.Roles = slices.Clone(exported)
	}
	m.fillScorer()
	return &m, m.validate(exported)
}

func (m *Manifest) fillScorer() {
	if m.Scorer == nil {
		switch {
		case m.Has(RoleScore):
			m.Scorer = &Scorer{Class: ClassRerank}
		case m.Has(RoleFeatures):
			m.Scorer = &Scorer{Class: ClassFeatures, Measure: "jaccard"}
		}
	}
	if m.Scorer != nil && m.Scorer.Class == ClassRerank && m.Scorer.Index == nil {
		m.Scorer.Index = DefaultIndex()
	}
}

func (m *Manifest) validate(exported []Role) error {
	if !utf8.ValidString(m.Name) || len(m.Name) > 64 || len(m.Version) > 64 {
		return fmt.Errorf("%w: manifest: name and version are texts of at most 64 bytes", ErrOutput)
	}
	for i, r := range m.Roles {
		if !slices.Contains(exported, r) {
			return fmt.Errorf("%w: manifest: roles[%d] is %q, and the plugin has no function for it", ErrOutput, i, r)
		}
	}
	if m.Scorer != nil {
		return m.validateScorer()
	}
	return nil
}

func (m *Manifest) validateScorer() error {
	if err := m.Scorer.validate(); err != nil {
		return err
	}
	needs := RoleScore
	if m.Scorer.Class == ClassFeatures {
		needs = RoleFeatures
	}
	if !m.Has(needs) {
		return fmt.Errorf("%w: manifest: scorer.class is %s, and the plugin has not the role %s", ErrOutput, m.Scorer.Class, needs)
	}
	return nil
}

func (s *Scorer) validate() error {
	switch {
	case s.Class != ClassFeatures && s.Class != ClassRerank && s.Class != ClassScan:
		return fmt.Errorf("%w: manifest: scorer.class is %q, want features, rerank or scan", ErrOutput, s.Class)
	case s.Class == ClassFeatures && s.Measure != "jaccard" && s.Measure != "containment":
		return fmt.Errorf("%w: manifest: scorer.measure is %q, want jaccard or containment", ErrOutput, s.Measure)
	case s.MaxEntries < 0:
		return fmt.Errorf("%w: manifest: scorer.max_entries is negative", ErrOutput)
	}
	if s.Index != nil {
		return s.Index.validate()
	}
	return nil
}

func (x *Index) validate() error {
	switch {
	case x.Unit != "char" && x.Unit != "word":
		return fmt.Errorf("%w: manifest: scorer.index.unit is %q, want char or word", ErrOutput, x.Unit)
	case x.Min < 1 || x.Max < x.Min || x.Max > 8:
		return fmt.Errorf("%w: manifest: scorer.index has n from %d to %d, want 1 to 8", ErrOutput, x.Min, x.Max)
	case x.Floor < 0 || x.Floor > 1:
		return fmt.Errorf("%w: manifest: scorer.index.floor is %v, want 0 to 1", ErrOutput, x.Floor)
	case x.Limit < 0 || x.Limit > MaxCandidates:
		return fmt.Errorf("%w: manifest: scorer.index.limit is %d, want 0 to %d", ErrOutput, x.Limit, MaxCandidates)
	}
	return nil
}
