package wasmhost

import (
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/kvasir-cache/kvasir/hostapi"
)

// reported is the text of an error that a guest returned.
func reported(said string, code uint32) string {
	if said == "" {
		return fmt.Sprintf("code %d, without a text", code)
	}
	return said
}

func (c *core) normalize(text string) (string, error) {
	b, err := c.input(len(text))
	if err != nil {
		return "", err
	}
	copy(b, text)
	out, err := c.call(c.roles[atNormalize], string(hostapi.RoleNormalize), len(text))
	if err != nil {
		return "", err
	}
	return normalForm(out, text)
}

// normalForm checks what a normalizer made of text and copies it.
func normalForm(out []byte, text string) (string, error) {
	if string(out) == text { // most often; the comparison copies nothing
		return text, nil
	}
	if len(out) > hostapi.MaxText {
		return "", broke("normalize: the text has %d bytes, at most %d are allowed", len(out), hostapi.MaxText)
	}
	if !utf8.Valid(out) {
		return "", broke("normalize: the text is not valid UTF-8")
	}
	return string(out), nil
}

// frameBytes is the size of an input frame: words of 32 bits, and texts.
func frameBytes(words int, texts []string) int {
	n := 4 * words
	for _, t := range texts {
		n += len(t)
	}
	return n
}

func (c *core) score(query string, candidates []string) ([]float32, error) {
	n, err := c.scoreFrame(query, candidates)
	if err != nil {
		return nil, err
	}
	out, err := c.call(c.roles[atScore], string(hostapi.RoleScore), n)
	if err != nil {
		return nil, err
	}
	return hostapi.DecodeScores(out, len(candidates))
}

// scoreFrame writes a frame straight into the guest's buffer and returns its size.
func (c *core) scoreFrame(query string, candidates []string) (int, error) {
	n := frameBytes(3+len(candidates), candidates) + len(query)
	b, err := c.input(n)
	if err != nil {
		return 0, err
	}
	hostapi.AppendScoreFrame(b[:0], query, candidates)
	return n, nil
}

func (c *core) features(texts []string) ([][]uint64, error) {
	n := frameBytes(1+len(texts), texts)
	b, err := c.input(n)
	if err != nil {
		return nil, err
	}
	hostapi.AppendFeaturesFrame(b[:0], texts)
	out, err := c.call(c.roles[atFeatures], string(hostapi.RoleFeatures), n)
	if err != nil {
		return nil, err
	}
	if len(out) > hostapi.MaxFrame {
		return nil, broke("features: the frame has %d bytes, at most %d are allowed", len(out), hostapi.MaxFrame)
	}
	return hostapi.DecodeFeatures(out, len(texts))
}

func (c *core) hook(r hostapi.Role, event []byte) (*hostapi.Decision, error) {
	out, err := c.callBytes(c.roles[slices.Index(allRoles, r)], string(r), event)
	if err != nil {
		return nil, err
	}
	return hostapi.DecodeDecision(r, out)
}

func (c *core) explain(query, candidate string) (*hostapi.Explanation, error) {
	n, err := c.scoreFrame(query, []string{candidate})
	if err != nil {
		return nil, err
	}
	out, err := c.call(c.roles[atExplain], string(roleExplain), n)
	if err != nil {
		return nil, err
	}
	return hostapi.DecodeExplanation(out)
}

func (c *core) close() {}
