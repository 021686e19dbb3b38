package conformance

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"

	"github.com/kvasir-cache/kvasir/hostapi"
)

// Vector is one question and the answer that a plugin is to give. Op is a role or "explain", and says which
// fields there are. A plugin without that role is not asked.
type Vector struct {
	Op         string          `json:"op"`
	Text       string          `json:"text,omitempty"`       // normalize
	Texts      []string        `json:"texts,omitempty"`      // features
	Query      string          `json:"query,omitempty"`      // score, explain
	Candidates []string        `json:"candidates,omitempty"` // score
	Candidate  string          `json:"candidate,omitempty"`  // explain
	Event      *hostapi.Event  `json:"event,omitempty"`      // hooks
	Want       json.RawMessage `json:"want"`                 // a text, sets, scores, a decision or null, an explanation

	line int
}

// ReadVectors reads vectors, one a line, as JSON. Empty lines and lines that begin with # are left out.
func ReadVectors(r io.Reader) ([]Vector, error) {
	var vectors []Vector
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 4*hostapi.MaxText)
	for n := 1; lines.Scan(); n++ {
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		v, err := parseVector(line)
		if err != nil {
			return nil, fmt.Errorf("vectors: line %d: %w", n, err)
		}
		v.line = n
		vectors = append(vectors, v)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("vectors: %w", err)
	}
	return vectors, nil
}

func parseVector(line []byte) (Vector, error) {
	var v Vector
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		return v, err
	}
	hook := hostapi.Role(v.Op).IsHook()
	switch {
	case v.Op != opExplain && !slices.Contains(hostapi.Roles(), hostapi.Role(v.Op)):
		return v, fmt.Errorf("op is %q, want a role or explain", v.Op)
	case v.Want == nil:
		return v, errors.New("there is no want")
	case hook && (v.Event == nil || string(v.Event.Hook) != v.Op):
		return v, fmt.Errorf("op is %s, and there is no event of that hook", v.Op)
	}
	return v, nil
}

const opExplain = "explain"

var vectorChecks = []check{{name: "vectors", run: (*kit).vectors}}

func (k *kit) vectors() (skipped string) {
	asked := 0
	for _, v := range k.options.Vectors {
		if v.Op == opExplain || k.plugin.Manifest().Has(hostapi.Role(v.Op)) {
			asked++
			if err := k.vector(&v); err != nil {
				k.failf("line %d: %v", v.line, err)
			}
		}
	}
	if asked == 0 {
		return "there are none for the plugin's roles"
	}
	return ""
}

func (k *kit) vector(v *Vector) error {
	switch hostapi.Role(v.Op) {
	case hostapi.RoleNormalize:
		got, err := k.plugin.Normalize(k.ctx, v.Text)
		return differs(v, quote(v.Text), got, err, equal[string])
	case hostapi.RoleFeatures:
		got, err := k.plugin.Features(k.ctx, v.Texts)
		return differs(v, fmt.Sprintf("%q", v.Texts), got, err, sameSets)
	case hostapi.RoleScore:
		got, err := k.plugin.Score(k.ctx, v.Query, v.Candidates)
		return differs(v, fmt.Sprintf("%s and %q", quote(v.Query), v.Candidates), got, err, sameScores)
	case opExplain:
		got, err := k.explainOne(v)
		return differs(v, quote(v.Query)+" and "+quote(v.Candidate), got, err, equal[*hostapi.Explanation])
	}
	got, err := k.plugin.Hook(k.ctx, v.Event)
	return differs(v, v.Op, got, err, equal[*hostapi.Decision])
}

func (k *kit) explainOne(v *Vector) (*hostapi.Explanation, error) {
	explainer, ok := k.plugin.(hostapi.Explainer)
	if !ok {
		return nil, hostapi.ErrRole
	}
	return explainer.Explain(k.ctx, v.Query, v.Candidate)
}

// differs reports an answer that is not the one a vector wants.
func differs[A any](v *Vector, asked string, got A, err error, same func(got, want A) bool) error {
	if err != nil {
		return fmt.Errorf("%s: got error %v", asked, err)
	}
	var want A
	if err := json.Unmarshal(v.Want, &want); err != nil {
		return fmt.Errorf("want: %w", err)
	}
	if !same(got, want) {
		text, err := encode(got)
		if err != nil {
			return fmt.Errorf("%s: got %v: %w", asked, got, err)
		}
		return fmt.Errorf("%s: got %s, want %s", asked, shorten(string(text)), shorten(string(v.Want)))
	}
	return nil
}

func equal[A any](got, want A) bool { return reflect.DeepEqual(got, want) }

func sameScores(got, want []float32) bool { return slices.EqualFunc(got, want, near) }

func sameSets(got, want [][]uint64) bool {
	return slices.EqualFunc(got, want, slices.Equal[[]uint64])
}
