package wasmhost

import (
	"bytes"
	"encoding/json"
	"io"
	"unicode/utf8"

	"github.com/kvasir-cache/kvasir/hostapi"
)

// request is a line to a program.
type request struct {
	Op string `json:"op"` // "init", "normalize", "features", "score", "explain" or the name of a hook

	Init       *hostapi.Init   `json:"init,omitempty"`
	Text       *string         `json:"text,omitempty"`
	Texts      []string        `json:"texts,omitempty"`
	Query      *string         `json:"query,omitempty"`
	Candidates []string        `json:"candidates,omitempty"`
	Candidate  *string         `json:"candidate,omitempty"`
	Event      json.RawMessage `json:"event,omitempty"`
}

// reply is a line from a program: the field that its request asks for, or an error.
type reply struct {
	Manifest    json.RawMessage `json:"manifest"`
	Text        *string         `json:"text"`
	Sets        [][]uint64      `json:"sets"`
	Scores      []float32       `json:"scores"`
	Decision    json.RawMessage `json:"decision"`
	Explanation json.RawMessage `json:"explanation"`
	Error       *string         `json:"error"`
}

// fields returns how many fields of r are there.
func (r *reply) fields() int {
	n := 0
	for _, given := range []bool{r.Manifest != nil, r.Text != nil, r.Sets != nil, r.Scores != nil,
		r.Decision != nil, r.Explanation != nil, r.Error != nil} {
		if given {
			n++
		}
	}
	return n
}

// decodeReply reads a line. One with an error is an ErrFailed.
func decodeReply(line []byte) (*reply, error) {
	var r reply
	if err := decodeJSON("answer", line, &r); err != nil {
		return nil, err
	}
	if r.Error != nil {
		return nil, &fault{reason: hostapi.ErrFailed, text: reported(cut(*r.Error, hostapi.MaxMessage), 0)}
	}
	if r.fields() > 1 {
		return nil, broke("answer: it has %d fields, want the one that was asked for", r.fields())
	}
	return &r, nil
}

// decodeJSON reads one JSON value and refuses unknown fields, invalid UTF-8, and anything after it.
func decodeJSON(what string, data []byte, v any) error {
	if !utf8.Valid(data) {
		return broke("%s: it is not valid UTF-8", what)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return broke("%s: %v", what, err)
	}
	if _, err := d.Token(); err != io.EOF {
		return broke("%s: something follows the JSON value", what)
	}
	return nil
}

func (c *stdio) exchange(q *request) (*reply, error) {
	line, err := c.ask(q)
	if err != nil {
		return nil, err
	}
	return decodeReply(line)
}

// lacks is the fault of an answer without the field that was asked for.
func lacks(op, field string) error { return broke("answer to %q: it has no %q", op, field) }

func (c *stdio) init(about *hostapi.Init) ([]byte, error) {
	told := *about
	told.Features = []string{} // host functions are not within its reach
	r, err := c.exchange(&request{Op: "init", Init: &told})
	if err != nil {
		return nil, err
	}
	if r.Manifest == nil {
		return nil, lacks("init", "manifest")
	}
	var says struct{ Roles []hostapi.Role }
	if json.Unmarshal(r.Manifest, &says) == nil && len(says.Roles) == 0 {
		return nil, broke("manifest: it names no roles, and a program has no exports to tell them by")
	}
	return r.Manifest, nil
}

func (c *stdio) normalize(text string) (string, error) {
	r, err := c.exchange(&request{Op: string(hostapi.RoleNormalize), Text: &text})
	if err != nil {
		return "", err
	}
	if r.Text == nil {
		return "", lacks("normalize", "text")
	}
	return normalForm([]byte(*r.Text), text)
}

func (c *stdio) features(texts []string) ([][]uint64, error) {
	r, err := c.exchange(&request{Op: string(hostapi.RoleFeatures), Texts: texts})
	if err != nil {
		return nil, err
	}
	if r.Sets == nil {
		return nil, lacks("features", "sets")
	}
	return r.Sets, hostapi.CheckFeatures(r.Sets, len(texts))
}

func (c *stdio) score(query string, candidates []string) ([]float32, error) {
	r, err := c.exchange(&request{Op: string(hostapi.RoleScore), Query: &query, Candidates: candidates})
	if err != nil {
		return nil, err
	}
	if r.Scores == nil {
		return nil, lacks("score", "scores")
	}
	return r.Scores, hostapi.CheckScores(r.Scores, len(candidates))
}

func (c *stdio) hook(role hostapi.Role, event []byte) (*hostapi.Decision, error) {
	r, err := c.exchange(&request{Op: string(role), Event: event})
	if err != nil {
		return nil, err
	}
	if r.fields() > 0 && r.Decision == nil {
		return nil, lacks(string(role), "decision")
	}
	return decision(role, r.Decision)
}

// decision reads a decision. null and nothing are no opinion.
func decision(role hostapi.Role, data []byte) (*hostapi.Decision, error) {
	if data = bytes.TrimSpace(data); string(data) == "null" {
		return nil, nil
	}
	return hostapi.DecodeDecision(role, data)
}

func (c *stdio) explain(query, candidate string) (*hostapi.Explanation, error) {
	r, err := c.exchange(&request{Op: string(roleExplain), Query: &query, Candidate: &candidate})
	if err != nil {
		return nil, err
	}
	if r.Explanation == nil {
		return nil, lacks("explain", "explanation")
	}
	return hostapi.DecodeExplanation(r.Explanation)
}
