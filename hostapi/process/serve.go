package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
)

// Backend loads models for a host process.
type Backend interface {
	// Load opens the model and returns a Host that runs it. It calls progress as it goes, with what
	// it does and how much of the whole is done, from 0 to 1, from any goroutine. Load is not called
	// again once it succeeded. If the Host is an io.Closer, it is closed when kvasir asks the process
	// to stop, and has two seconds for it; it is not closed when kvasir dies or kills the process.
	Load(ctx context.Context, o LoadOptions, progress func(stage string, done float64)) (Host, error)
}

// BackendFunc is a function as a Backend.
type BackendFunc func(ctx context.Context, o LoadOptions, progress func(stage string, done float64)) (Host, error)

// Load calls f.
func (f BackendFunc) Load(ctx context.Context, o LoadOptions, progress func(stage string, done float64)) (Host, error) {
	return f(ctx, o, progress)
}

// Serve is the main function of an inference host. It returns when kvasir has asked the process to
// stop; the caller should then return from main. Nothing may be written to standard output before.
//
// While it runs: standard input belongs to it, and when that ends, which means that kvasir has died,
// the process exits at once with its socket removed. Interrupt, terminate and hang-up signals are
// ignored, because kvasir decides when its hosts end. A Go panic in a call of the host fails that call
// alone; a panic in a goroutine of the host's own, or an abort in C, ends the process, and kvasir
// starts another.
//
// A process that was not started by kvasir prints what it is and exits with status 1.
func Serve(b Backend) {
	s := newServer(b, &ledger{})
	hostContract.serve(PluginName, &hostPlugin{server: s}, func(socketDir string) { s.ledger = newLedger(socketDir) })
	s.close()
}

// serve runs the program until its parent asks it to stop. It calls prepare, if there is one, with the
// folder of the socket before the first call can come.
func (k *contract) serve(name string, p plugin.Plugin, prepare func(socketDir string)) {
	if k.started() {
		k.requireCertificate()
		ignoreSignals()
		if prepare != nil {
			prepare(os.Getenv(plugin.EnvUnixSocketDir))
		}
		go exitWithParent(os.Stdin)
	} else {
		k.refuseOther()
	}
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig: k.handshake,
		Plugins:         plugin.PluginSet{name: p},
		GRPCServer:      k.newGRPCServer,
		Logger:          hclog.New(&hclog.LoggerOptions{Level: hclog.Error, Output: os.Stderr}),
	})
}

// started reports whether the parent started this program as what k describes.
func (k *contract) started() bool {
	return os.Getenv(k.handshake.MagicCookieKey) == k.handshake.MagicCookieValue
}

// refuseOther exits if the parent took this program for one of the other kind.
func (k *contract) refuseOther() {
	if k.other().started() {
		k.fail(fmt.Sprintf("this program is %s, and kvasir started it as %s; check its path", k.one, k.other().one))
	}
}

// requireCertificate exits unless the parent asked for mutual TLS: a program serves nobody else.
func (k *contract) requireCertificate() {
	if os.Getenv("PLUGIN_CLIENT_CERT") == "" {
		k.fail("PLUGIN_CLIENT_CERT is not set; the parent must use AutoMTLS")
	}
}

// fail ends the process with a message for the one who started it.
func (k *contract) fail(message string) {
	fmt.Fprintf(os.Stderr, "%s: %s\n", k.noun, message)
	os.Exit(1)
}

// exitWithParent ends the process when stdin ends. The parent holds the other end of the pipe and
// never writes to it, so its end means the parent's.
func exitWithParent(stdin io.Reader) {
	_, _ = io.Copy(io.Discard, stdin)
	removeSockets(os.Getenv(plugin.EnvUnixSocketDir))
	os.Exit(0)
}

// removeSockets removes the sockets and the ledger in dir, and dir if that leaves it empty. It removes
// nothing else, whatever the environment says dir is. A socket that is being made meanwhile, which is
// a plain file for a moment, keeps dir from being removed, so it looks again for a while; once dir is
// gone no other can be made.
func removeSockets(dir string) {
	const looks, pause = 200, 2 * time.Millisecond
	for i := 0; dir != "" && i < looks; i++ {
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			if e.Type()&os.ModeSocket != 0 || e.Name() == ledgerName {
				_ = os.Remove(filepath.Join(dir, e.Name()))
			}
		}
		if err := os.Remove(dir); !errors.Is(err, syscall.ENOTEMPTY) {
			return
		}
		time.Sleep(pause)
	}
}
