package setup

import (
	"context"
	"fmt"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/fingerprint"
)

// CheckState has a host compare resumed prompts of these lengths with cold ones, in its short form where
// there are none, and keeps the verdict for later starts. See base.StateChecker.
func CheckState(ctx context.Context, host Host, lengths []int, progress func(done float64)) (*base.StateCheck, error) {
	info, err := host.Info(ctx)
	if err != nil {
		return nil, err
	}
	found, err := host.CheckState(ctx, lengths, progress)
	if err != nil {
		return nil, err
	}
	if err := verdictOf(fingerprint.StateID(info), found).keep(); err != nil {
		return found, fmt.Errorf("the verdict could not be kept: %w", err)
	}
	return found, nil
}

// verify checks a state the first time it is met, in the short form. What keeps it from being checked is
// no reason not to serve.
func (m *Model) verify(ctx context.Context, host Host, info *base.Info) {
	if _, known := lastVerdict(fingerprint.StateID(info)); known || !info.State.Supported {
		return
	}
	found, err := CheckState(ctx, host, nil, nil)
	if err != nil {
		m.options.Logger.Warn("saved state was not checked: " + err.Error())
	}
	if found != nil && !found.Holds() {
		m.options.Logger.Warn("resumed prompts give other numbers than cold ones on this machine; nothing is resumed", "difference", found.Difference)
	}
}

// trusted returns what info says of state, unless a check found that it cannot be relied on here.
func trusted(info *base.Info) base.StateInfo {
	state := info.State
	if v, ok := lastVerdict(fingerprint.StateID(info)); ok && !v.Holds && state.Supported {
		state.Supported = false
		state.Reason = fmt.Sprintf("resumed prompts gave other numbers than cold ones on this machine (by %.2g in a logit, checked on %s)",
			v.Difference, v.Checked.Format("2006-01-02"))
	}
	return state
}
