package process

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/kvasir-cache/kvasir/hostapi"
	pb "github.com/kvasir-cache/kvasir/hostapi/process/pluginpb"
	"github.com/kvasir-cache/kvasir/internal/base"
)

// PluginClient is the wire to a plugin in another process: it carries the bytes of the contract, which
// its caller encodes and checks with package hostapi. Errors wrap hostapi's sentinels; when the
// connection breaks, calls fail with an error that is Lost. When the context of a call has ended, the
// call returns the context's error. The connection stays its maker's.
type PluginClient struct {
	rpc pb.PluginClient
}

// NewPluginClient returns a client on conn, which should have been made with DialOptions.
func NewPluginClient(conn grpc.ClientConnInterface) *PluginClient {
	return &PluginClient{rpc: pb.NewPluginClient(conn)}
}

type budgetKey struct{}

// WithBudget returns a context whose calls tell the plugin how long the answer may take. The context's
// own deadline should come later.
func WithBudget(ctx context.Context, d time.Duration) context.Context {
	return context.WithValue(ctx, budgetKey{}, d)
}

// budgetOf returns the budget of ctx in microseconds, or 0.
func budgetOf(ctx context.Context) uint32 {
	d, _ := ctx.Value(budgetKey{}).(time.Duration)
	return uint32(min(max(d.Microseconds(), 0), math.MaxUint32))
}

// Init tells the plugin how it is configured and returns what it says of itself, and whether it has
// Explain.
func (c *PluginClient) Init(ctx context.Context, init *hostapi.Init) (m *hostapi.Manifest, explain bool, err error) {
	data, err := json.Marshal(init)
	if err != nil {
		return nil, false, &base.Error{Sentinel: base.ErrInvalid, Message: fmt.Sprintf("the plugin's config is no JSON: %v", err)}
	}
	answer, err := c.rpc.Init(ctx, &pb.InitRequest{Init: data})
	if err != nil {
		return nil, false, initFailed(ctx, err)
	}
	m, err = decodeInit(answer)
	return m, answer.GetExplain(), err
}

// initFailed returns the error of an Init that ended with err. A program that serves something else
// through go-plugin does not know the method.
func initFailed(ctx context.Context, err error) error {
	switch code, failed := status.Code(err), pluginFailed(ctx, err); {
	case ended(ctx) != nil, Lost(failed), errors.Is(failed, hostapi.ErrLoad):
		return failed
	case code == codes.Unimplemented:
		return loadError("it is no process plugin: " + status.Convert(err).Message())
	default:
		return loadError(failed.Error())
	}
}

func loadError(message string) error {
	return &base.Error{Sentinel: hostapi.ErrLoad, Message: hostapi.ErrLoad.Error() + ": " + message}
}

// decodeInit reads what a plugin says of itself.
func decodeInit(m *pb.InitResponse) (*hostapi.Manifest, error) {
	if err := hostapi.CheckVersion(m.GetVersion()); err != nil {
		return nil, loadError(err.Error())
	}
	var has []hostapi.Role // of those that this version knows
	for _, r := range hostapi.Roles() {
		if slices.Contains(m.GetRoles(), string(r)) {
			has = append(has, r)
		}
	}
	manifest, err := decodeManifest(m.GetManifest(), has)
	if err != nil {
		return nil, loadError(err.Error())
	}
	return manifest, nil
}

// ended returns the error of a context that has ended. The other side keeps the same deadline, and what it
// says then may be here before this side's timer is.
func ended(ctx context.Context) error {
	const early = 10 * time.Millisecond
	if deadline, ok := ctx.Deadline(); ok && ctx.Err() == nil && time.Until(deadline) < early {
		return context.DeadlineExceeded
	}
	return ctx.Err()
}

// pluginFailed returns the error of a call that ended with err. A status without details, of a plugin
// that knows no more than gRPC, gets the sentinel of its code, or else ErrFailed. Long messages are cut.
func pluginFailed(ctx context.Context, err error) error {
	if err := ended(ctx); err != nil {
		return err
	}
	err = pluginContract.decodeError(err)
	if Lost(err) {
		return err
	}
	e := &base.Error{Sentinel: hostapi.ErrFailed, Message: err.Error(), Hint: base.Hint(err)}
	var known *base.Error
	if errors.As(err, &known) {
		e.Sentinel = known.Sentinel
	}
	for _, kind := range pluginContract.errors {
		if errors.Is(e.Sentinel, kind.sentinel) && !strings.Contains(e.Message, kind.sentinel.Error()) {
			e.Message = kind.sentinel.Error() + ": " + cmp.Or(e.Message, "it does not say why")
			break
		}
	}
	e.Message = clipTo(hostapi.MaxMessage, e.Message)
	return e
}

// Normalize carries a text there and its normal form back.
func (c *PluginClient) Normalize(ctx context.Context, text []byte) ([]byte, error) {
	m, err := c.rpc.Normalize(ctx, &pb.NormalizeRequest{Text: text, BudgetUs: budgetOf(ctx)})
	if err != nil {
		return nil, pluginFailed(ctx, err)
	}
	return m.GetText(), nil
}

// Features carries a features frame there and its answer back.
func (c *PluginClient) Features(ctx context.Context, frame []byte) ([]byte, error) {
	m, err := c.rpc.Features(ctx, &pb.FeaturesRequest{Frame: frame, BudgetUs: budgetOf(ctx)})
	if err != nil {
		return nil, pluginFailed(ctx, err)
	}
	return m.GetFrame(), nil
}

// Score carries a score frame there and its answer back.
func (c *PluginClient) Score(ctx context.Context, frame []byte) ([]byte, error) {
	m, err := c.rpc.Score(ctx, &pb.ScoreRequest{Frame: frame, BudgetUs: budgetOf(ctx)})
	if err != nil {
		return nil, pluginFailed(ctx, err)
	}
	return m.GetFrame(), nil
}

// Hook carries an event there and the decision back.
func (c *PluginClient) Hook(ctx context.Context, event []byte) ([]byte, error) {
	m, err := c.rpc.Hook(ctx, &pb.HookRequest{Event: event, BudgetUs: budgetOf(ctx)})
	if err != nil {
		return nil, pluginFailed(ctx, err)
	}
	return m.GetDecision(), nil
}

// Explain carries a score frame of one candidate there and the explanation back.
func (c *PluginClient) Explain(ctx context.Context, frame []byte) ([]byte, error) {
	m, err := c.rpc.Explain(ctx, &pb.ExplainRequest{Frame: frame, BudgetUs: budgetOf(ctx)})
	if err != nil {
		return nil, pluginFailed(ctx, err)
	}
	return m.GetExplanation(), nil
}
