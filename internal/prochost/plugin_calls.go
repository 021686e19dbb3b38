package prochost

import (
	"context"
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"github.com/kvasir-cache/kvasir/hostapi"
	"github.com/kvasir-cache/kvasir/hostapi/process"
	"github.com/kvasir-cache/kvasir/internal/base"
)

// Normalize implements hostapi.Plugin.
func (p *Plugin) Normalize(ctx context.Context, text string) (string, error) {
	if err := p.check(hostapi.RoleNormalize, text); err != nil {
		return "", p.named(err)
	}
	out, err := p.call(ctx, (*process.PluginClient).Normalize, p.options.Deadline, []byte(text))
	if err == nil && (len(out) > hostapi.MaxText || !utf8.Valid(out)) {
		err = fmt.Errorf("%w: normal form: %d bytes, want at most %d of valid UTF-8", hostapi.ErrOutput, len(out), hostapi.MaxText)
	}
	if err != nil {
		return "", p.named(err)
	}
	return string(out), nil
}

// Score implements hostapi.Plugin. It takes any number of candidates, in as many batches as they need,
// each with a deadline of its own.
func (p *Plugin) Score(ctx context.Context, query string, candidates []string) ([]float32, error) {
	err := p.check(hostapi.RoleScore, query)
	if err == nil {
		err = checkTexts(candidates...)
	}
	if err != nil {
		return nil, p.named(err)
	}
	scores, err := inBatches(candidates, 12+len(query), func(batch []string, size int) ([]float32, error) {
		frame := hostapi.AppendScoreFrame(make([]byte, 0, size), query, batch)
		out, err := p.call(ctx, (*process.PluginClient).Score, p.options.BatchDeadline, frame)
		if err != nil {
			return nil, err
		}
		return hostapi.DecodeScores(out, len(batch))
	})
	return scores, p.named(err)
}

// Features implements hostapi.Plugin. It takes any number of texts, as Score does.
func (p *Plugin) Features(ctx context.Context, texts []string) ([][]uint64, error) {
	if err := p.check(hostapi.RoleFeatures, texts...); err != nil {
		return nil, p.named(err)
	}
	sets, err := inBatches(texts, 4, func(batch []string, size int) ([][]uint64, error) {
		frame := hostapi.AppendFeaturesFrame(make([]byte, 0, size), batch)
		out, err := p.call(ctx, (*process.PluginClient).Features, p.options.BatchDeadline, frame)
		if err != nil {
			return nil, err
		}
		return hostapi.DecodeFeatures(out, len(batch))
	})
	return sets, p.named(err)
}

// inBatches asks about texts, as many at a time as a frame may hold, of which head bytes are taken. ask
// gets the size of the frame too.
func inBatches[T any](texts []string, head int, ask func(batch []string, size int) ([]T, error)) ([]T, error) {
	all := make([]T, 0, len(texts))
	for len(texts) > 0 {
		n, size := 0, head
		for n < len(texts) && n < hostapi.MaxCandidates {
			more := 4 + len(texts[n])
			if size+more > hostapi.MaxFrame {
				break // never for the first: no text is that long
			}
			n, size = n+1, size+more
		}
		some, err := ask(texts[:n], size)
		if err != nil {
			return nil, err
		}
		all, texts = append(all, some...), texts[n:]
	}
	return all, nil
}

// Hook implements hostapi.Plugin.
func (p *Plugin) Hook(ctx context.Context, e *hostapi.Event) (*hostapi.Decision, error) {
	if err := p.check(e.Hook); err != nil {
		return nil, p.named(err)
	}
	event, err := json.Marshal(e)
	if err == nil && len(event) > hostapi.MaxFrame {
		err = fmt.Errorf("it has %d bytes, at most %d are given to a plugin", len(event), hostapi.MaxFrame)
	}
	if err != nil {
		return nil, p.named(&base.Error{Sentinel: base.ErrInvalid, Message: fmt.Sprintf("event %s: %v", e.Hook, err)})
	}
	out, err := p.call(ctx, (*process.PluginClient).Hook, p.options.Deadline, event)
	if err != nil {
		return nil, p.named(err)
	}
	decision, err := hostapi.DecodeDecision(e.Hook, out)
	if err != nil {
		return nil, p.named(err)
	}
	return decision, nil
}

// Explain implements hostapi.Explainer. For a plugin that cannot explain it returns hostapi.ErrRole.
func (p *Plugin) Explain(ctx context.Context, query, candidate string) (*hostapi.Explanation, error) {
	err := checkTexts(query, candidate)
	if err == nil && !p.supervisor.first.explain {
		err = fmt.Errorf("%w: explain", hostapi.ErrRole)
	}
	if err != nil {
		return nil, p.named(err)
	}
	frame := hostapi.AppendScoreFrame(nil, query, []string{candidate})
	out, err := p.call(ctx, (*process.PluginClient).Explain, p.options.BatchDeadline, frame)
	if err != nil {
		return nil, p.named(err)
	}
	why, err := hostapi.DecodeExplanation(out)
	return why, p.named(err)
}

// check reports a role that the plugin has not, and texts that no plugin takes.
func (p *Plugin) check(r hostapi.Role, texts ...string) error {
	if !p.Manifest().Has(r) {
		return fmt.Errorf("%w: %s", hostapi.ErrRole, r)
	}
	return checkTexts(texts...)
}

func checkTexts(texts ...string) error {
	for i, text := range texts {
		if len(text) > hostapi.MaxText || !utf8.ValidString(text) {
			return &base.Error{Sentinel: base.ErrInvalid, Message: fmt.Sprintf(
				"text %d has %d bytes, and plugins take at most %d of valid UTF-8", i, len(text), hostapi.MaxText)}
		}
	}
	return nil
}

// named returns err with the plugin's name, except the end of a caller's context.
func (p *Plugin) named(err error) error {
	if err == nil || err == context.Canceled || err == context.DeadlineExceeded {
		return err
	}
	return fmt.Errorf("plugin %q: %w", p.options.Name, err)
}
