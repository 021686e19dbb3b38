package process

import (
	"context"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/kvasir-cache/kvasir/hostapi"
	pb "github.com/kvasir-cache/kvasir/hostapi/process/pluginpb"
)

// KindPlugin is the name under which a process plugin serves itself to go-plugin.
const KindPlugin = "plugin"

// PluginClientPlugins is the set for the client's side of go-plugin; dispensing KindPlugin gives a
// *PluginClient.
func PluginClientPlugins() plugin.PluginSet {
	return plugin.PluginSet{KindPlugin: &pluginPlugin{}}
}

// pluginPlugin joins PluginClient and pluginServer to go-plugin. The server is nil on the client's side.
type pluginPlugin struct {
	plugin.NetRPCUnsupportedPlugin
	server *pluginServer
}

var _ plugin.GRPCPlugin = (*pluginPlugin)(nil)

func (p *pluginPlugin) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	pb.RegisterPluginServer(s, p.server)
	return nil
}

func (p *pluginPlugin) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return NewPluginClient(conn), nil
}

// Factory makes the plugin when kvasir has said how it is configured. It is called once; ctx ends with
// the call. A plugin that needs a model loads it here: there is a minute for it, if kvasir is not told
// otherwise. An error keeps the plugin from being used.
type Factory func(ctx context.Context, init hostapi.Init) (*Functions, error)

// ServePlugin is the main function of a process plugin:
//
//	func main() { process.ServePlugin(newPlugin) }
//
// It returns when kvasir has asked the process to stop; the caller should then return from main. Nothing
// may be written to standard output before; afterwards it goes to kvasir's log, as standard error does.
//
// While it runs: standard input belongs to it, and when that ends, which means that kvasir has died, the
// process exits at once with its socket removed. Interrupt, terminate and hang-up signals are ignored,
// because kvasir decides when its plugins end. What the functions return is checked before it is sent.
//
// A process that was not started by kvasir prints what it is and exits with status 1.
func ServePlugin(f Factory) {
	s := &pluginServer{factory: f}
	pluginContract.serve(KindPlugin, &pluginPlugin{server: s}, nil)
	s.close()
}
