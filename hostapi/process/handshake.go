package process

import (
	"context"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	pb "github.com/kvasir-cache/kvasir/hostapi/process/inferencepb"
)

// PluginName is the name under which a host serves itself to go-plugin.
const PluginName = "inference"

// MaxMessage is the most bytes that one message may have, in either direction: 64 MiB.
const MaxMessage = 64 << 20

// Handshake is what kvasir and a host agree on before they talk. The cookie is no secret: it lets a
// host that a person started by hand say so.
var Handshake = plugin.HandshakeConfig{
	ProtocolVersion:  1,
	MagicCookieKey:   "KVASIR_INFERENCE_HOST",
	MagicCookieValue: "6f1d3a0c-2b7e-4c59-9d0e-7a41f8b2c635",
}

// PluginHandshake is what kvasir and a process plugin agree on, with a cookie of its own: a host that is
// started as a plugin, or a plugin that is started as a host, says so and ends.
var PluginHandshake = plugin.HandshakeConfig{
	ProtocolVersion:  1,
	MagicCookieKey:   "KVASIR_PLUGIN",
	MagicCookieValue: "b3c07f4e-9a55-4d0f-8f27-1d6e92a4c8b1",
}

// ClientPlugins is the set for the client's side of go-plugin; dispensing PluginName gives a *Client.
func ClientPlugins() plugin.PluginSet {
	return plugin.PluginSet{PluginName: &hostPlugin{}}
}

// DialOptions are the client's options for the connection: the limits on messages.
func DialOptions() []grpc.DialOption {
	return []grpc.DialOption{grpc.WithDefaultCallOptions(
		grpc.MaxCallRecvMsgSize(MaxMessage), grpc.MaxCallSendMsgSize(MaxMessage))}
}

// hostPlugin joins Client and server to go-plugin. The server is nil on the client's side.
type hostPlugin struct {
	plugin.NetRPCUnsupportedPlugin
	server *server
}

var _ plugin.GRPCPlugin = (*hostPlugin)(nil)

func (p *hostPlugin) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	pb.RegisterInferenceServer(s, p.server)
	return nil
}

func (p *hostPlugin) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return NewClient(conn), nil
}
