package fingerprint

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"testing"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// Stored entries are found by these bytes and hashes. If a vector changes, every store loses its
// answers: change a label or the encoding's version with it, and say so in the changelog.
var rewrite = flag.Bool("rewrite", false, "write testdata anew")

type goldenRequest struct {
	Name        string          `json:"name"`
	Request     json.RawMessage `json:"request"` // a base.Request
	Bytes       string          `json:"bytes"`   // hex
	Subject     string          `json:"subject"` // hex
	Approximate bool            `json:"approximate"`
	Namespace   ID              `json:"namespace"` // with the salt and the model id of the file
	Exact       ID              `json:"exact"`
}

type golden struct {
	Info     json.RawMessage `json:"info"` // a base.Info
	ModelID  ID              `json:"model_id"`
	StateID  ID              `json:"state_id"`
	Salt     string          `json:"salt"` // hex
	Seed     ID              `json:"state_seed"`
	Requests []goldenRequest `json:"requests"`
}

const goldenPath = "testdata/keys.json"

// compute fills in everything that is computed from the rest.
func (g *golden) compute(t *testing.T) {
	t.Helper()
	raw, err := hex.DecodeString(g.Salt)
	if err != nil || len(raw) != 32 {
		t.Fatalf("salt %q: %v", g.Salt, err)
	}
	info := parse[base.Info](t, g.Info)
	g.ModelID, g.StateID = ModelID(PartsOf(info)), StateID(info)
	g.Seed = StateSeed(Salt(raw), g.StateID)
	for i := range g.Requests {
		r := &g.Requests[i]
		c := canonicalize(t, parse[base.Request](t, r.Request))
		r.Bytes, r.Subject, r.Approximate = hex.EncodeToString(c.Bytes), hex.EncodeToString([]byte(c.Subject)), c.Approximate
		r.Namespace = Namespace(Salt(raw), g.ModelID, c)
		r.Exact = ExactKey(Salt(raw), r.Namespace, c.Subject)
	}
}

func parse[V any](t *testing.T, content []byte) *V {
	t.Helper()
	v := new(V)
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(v); err != nil {
		t.Fatalf("%s: %v", content, err)
	}
	return v
}

func TestGolden(t *testing.T) {
	content, err := os.ReadFile(goldenPath)
	if err != nil {
		t.Fatal(err)
	}
	g := parse[golden](t, content)
	g.compute(t)
	got, err := json.MarshalIndent(g, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	if *rewrite {
		if err := os.WriteFile(goldenPath, got, 0o644); err != nil {
			t.Fatal(err)
		}
	} else if string(got) != string(content) {
		t.Errorf("%s does not hold what is computed now; got\n%s", goldenPath, got)
	}
	if len(g.Requests) < 10 {
		t.Errorf("%d vectors, want 10 or more", len(g.Requests))
	}
}
