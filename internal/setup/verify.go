package setup

import (
	"context"
	"errors"
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

// VerifyState makes sure that resumed prompts give the same numbers as cold ones here, with a short check the
// first time a state is met. Where they do not, nothing is resumed. A model whose state cannot be saved is in
// order. Call it before Serve.
func (m *Model) VerifyState(ctx context.Context) error {
	host, err := m.needHost(ctx)
	if err != nil {
		return err
	}
	info, err := host.Info(ctx)
	if err != nil {
		return err
	}
	if _, ok := lastVerdict(fingerprint.StateID(info)); ok || !info.State.Supported {
		return nil
	}
	found, err := CheckState(ctx, host, nil, nil)
	switch {
	case found != nil && err != nil:
		m.options.Logger.Warn(err.Error())
	case errors.Is(err, base.ErrUnsupported):
		return nil
	case err != nil:
		return err
	}
	if !found.Holds() {
		m.options.Logger.Warn("resumed prompts give other numbers than cold ones on this machine; nothing is resumed", "difference", found.Difference)
		m.rely(host, info)
	}
	return nil
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
