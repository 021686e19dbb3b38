package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/cachedir"
	"github.com/kvasir-cache/kvasir/internal/config"
	"github.com/kvasir-cache/kvasir/internal/server"
	"github.com/kvasir-cache/kvasir/internal/setup"
	"github.com/kvasir-cache/kvasir/internal/tracing"
)

// serveOptions are the flags of kvasir serve.
type serveOptions struct {
	streams
	verbose  bool
	takeIn   bool
	host     string
	load     base.LoadOptions
	settings settings
}

func newServe(s streams) *cobra.Command {
	o := &serveOptions{streams: s}
	var listen, admin string // the configuration reads them, as it reads its other flags
	cmd := &cobra.Command{
		Use:   "serve [-m MODEL] [--listen HOST:PORT]",
		Short: "Answer OpenAI's API",
		Long: `Serve answers OpenAI's API: chat and text completions, embeddings and models. A client needs another
base URL, http://127.0.0.1:8080/v1, and nothing else. docs/server.md says what it takes and answers.

It answers clients of this machine, which need no key. For others, cache.toml names tenants and their keys.
SIGTERM and SIGINT end it when the requests under way are answered, SIGHUP reads plugins and tenants anew.`,
		Example: `  kvasir serve
  kvasir serve -m model.gguf --listen 127.0.0.1:8000`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.settings.flags.Changed("model") && o.load.Model == "" {
				return usagef("--model is empty; leave it out for atlas, the model that comes with kvasir")
			}
			c, err := o.settings.read()
			if err != nil {
				return err
			}
			return o.run(cmd.Context(), c)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVarP(&o.load.Model, "model", "m", "", "GGUF `file`; the first one of a split model (default atlas, which comes with kvasir)")
	flags.StringVar(&listen, "listen", "", "`address` HOST:PORT for clients (default 127.0.0.1:8080)")
	flags.StringVar(&admin, "admin", "", "`address` HOST:PORT for those who look after it, or off (default 127.0.0.1:8081)")
	addLoadFlags(flags, &o.load)
	addHostFlag(flags, &o.host)
	o.settings.add(flags)
	flags.BoolVar(&o.takeIn, "import", false, "read the .jsonl of --cache-file into the store first, which otherwise only a new store does")
	flags.BoolVarP(&o.verbose, "verbose", "v", false, "log what the cache does, and show the log of the inference host")
	return cmd
}

// run serves until a signal ends it. SIGHUP, which ends other commands, reloads.
func (o *serveOptions) run(ctx context.Context, c *config.Config) error {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	ctx, stop := signal.NotifyContext(context.WithoutCancel(ctx), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once

	listeners, err := listen(c)
	if err != nil {
		return err
	}
	log := o.logger(c)
	model, err := o.open(ctx, c, log)
	if err != nil {
		return errors.Join(err, closeAll(listeners))
	}
	defer model.Close()
	r := &reloader{options: o, config: c, model: model, log: log}
	tracer, untrace, err := openTracer(ctx, c, log)
	if err != nil {
		return errors.Join(err, closeAll(listeners))
	}
	defer untrace()
	s, err := o.server(c, model, log, r, tracer)
	if err != nil {
		return errors.Join(err, closeAll(listeners))
	}
	r.server = s
	return o.serve(ctx, s, listeners, model, r, hangups)
}

func (o *serveOptions) open(ctx context.Context, c *config.Config, log *slog.Logger) (*setup.Model, error) {
	load, err := fill(c)
	if err != nil {
		return nil, err
	}
	i := inference{load, o.host, c, o.err, o.verbose}
	return setup.OpenModel(ctx, c, setup.ModelOptions{
		Load: i.load, ID: i.id(), Start: i.start, Verify: true, Import: o.takeIn, Snapshot: true, Logger: log,
		Note: func(format string, args ...any) { log.Warn(fmt.Sprintf(format, args...)) },
	})
}

// logger is the log of the cache, its plugins and the server.
func (o *serveOptions) logger(c *config.Config) *slog.Logger {
	if c.Server.Log != config.LogJSON {
		return newLogger(o.err, o.verbose)
	}
	level := slog.LevelWarn
	if o.verbose {
		level = slog.LevelInfo
	}
	return slog.New(slog.NewJSONHandler(o.err, &slog.HandlerOptions{Level: level}))
}

// requestLogger gets a line for each request.
func (o *serveOptions) requestLogger(c *config.Config) *slog.Logger {
	switch c.Server.Log {
	case config.LogJSON:
		return slog.New(slog.NewJSONHandler(o.err, nil))
	case config.LogText:
		return slog.New(slog.NewTextHandler(o.err, nil))
	}
	return nil
}

// flushTime is how long the last traces have to leave.
const flushTime = 3 * time.Second

// openTracer returns what follows requests, nil if nobody wants traces, and what ends it.
func openTracer(ctx context.Context, c *config.Config, log *slog.Logger) (server.Tracer, func(), error) {
	if !tracing.Wanted(c.Server.OTLP) {
		return nil, func() {}, nil
	}
	t, err := tracing.Open(ctx, tracing.Options{Endpoint: c.Server.OTLP, Version: ownVersion(), Logger: log})
	if err != nil {
		return nil, nil, err
	}
	return t, func() {
		ctx, cancel := context.WithTimeout(context.Background(), flushTime)
		defer cancel()
		if err := t.Close(ctx); err != nil {
			log.Warn("the last traces could not be sent", "error", err)
		}
	}, nil
}

func (o *serveOptions) server(c *config.Config, model *setup.Model, log *slog.Logger, r *reloader, tracer server.Tracer) (*server.Server, error) {
	token, err := o.token(c)
	if err != nil {
		return nil, err
	}
	settings, err := serverSettings(c)
	if err != nil {
		return nil, err
	}
	return server.New(server.Options{
		Model: model, Name: modelName(c), Passing: c.Host.Kind == config.HostOpenAI, Fingerprint: "fp_" + model.ID().String()[:12], Temperature: c.Host.Temperature,
		Token: token, Version: ownVersion(), Settings: settings, Reload: r.reload, Logger: log, Requests: o.requestLogger(c), Tracer: tracer,
	})
}

// token returns the token of the admin listener, and says where it is if it was made now. Without that listener
// it is one that nobody knows.
func (o *serveOptions) token(c *config.Config) (string, error) {
	if c.Server.Admin == config.AdminOff {
		return rand.Text(), nil
	}
	path, err := tokenFile(c)
	if err != nil {
		return "", err
	}
	token, made, err := server.Token(path)
	if made {
		fmt.Fprintf(o.err, "kvasir: note: the token of the admin listener is in %s\n", path)
	}
	return token, err
}

// serve starts the model and answers meanwhile what is stored. A model that cannot be started ends it, unless
// its file is gone: then stored answers are all there is.
func (o *serveOptions) serve(ctx context.Context, s *server.Server, l server.Listeners, model *setup.Model, r *reloader, hangups <-chan os.Signal) error {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	var running sync.WaitGroup
	running.Go(func() {
		if model.Gone() {
			fmt.Fprintln(o.err, "kvasir: note: the model's file is gone, so only stored answers are served")
			return
		}
		if err := model.Start(ctx); err != nil && ctx.Err() == nil {
			end(err)
		}
	})
	running.Go(func() { r.listen(ctx, hangups) })
	fmt.Fprintf(o.err, "kvasir: serving %s at http://%s/v1\n", modelName(r.config), l.API.Addr())
	if l.Admin != nil {
		fmt.Fprintf(o.err, "kvasir: admin at http://%s\n", l.Admin.Addr())
	}
	err := s.Serve(ctx, l)
	end(nil)
	running.Wait()
	if cause := context.Cause(ctx); err == nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return err
}

// listen opens the listeners of a configuration.
func listen(c *config.Config) (l server.Listeners, err error) {
	l.Drain = c.Server.Drain
	if l.API, err = listenAt(c.Server.Listen, "--listen"); err != nil {
		return l, err
	}
	if ip := l.API.Addr().(*net.TCPAddr).IP; len(c.Tenants) == 0 && !ip.IsLoopback() {
		return l, errors.Join(openToAll(ip.String()), l.API.Close())
	}
	if c.Server.Admin == config.AdminOff {
		return l, nil
	}
	if l.Admin, err = listenAt(c.Server.Admin, "--admin"); err != nil {
		return l, errors.Join(err, l.API.Close())
	}
	return l, nil
}

func listenAt(address, flag string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, &base.Error{Sentinel: err, Message: err.Error(), Hint: flag + " HOST:PORT chooses another address"}
	}
	return l, nil
}

func openToAll(address string) error {
	return &base.Error{Sentinel: base.ErrInvalid, Message: fmt.Sprintf("other machines can reach %s, and nobody needs a key", address),
		Hint: "listen at 127.0.0.1, or give clients keys with a table [tenant.NAME] in " + config.FileName}
}

func closeAll(l server.Listeners) error {
	err := l.API.Close()
	if l.Admin != nil {
		err = errors.Join(err, l.Admin.Close())
	}
	return err
}

// tokenFile is where the token of the admin listener is.
func tokenFile(c *config.Config) (string, error) {
	const name = "admin.token"
	if c.Server.TokenFile != "" {
		return c.Server.TokenFile, nil
	}
	if !c.Cache.Persist {
		return cachedir.Path(name)
	}
	folder, _ := c.Cache.Store()
	return filepath.Join(filepath.Dir(folder), name), nil
}

// modelName is what clients call the model.
func modelName(c *config.Config) string {
	switch {
	case c.Server.Name != "":
		return c.Server.Name
	case c.Host.Kind == config.HostOpenAI:
		return c.Upstream.Model
	case c.Host.Model == "":
		return "atlas"
	}
	return strings.TrimSuffix(filepath.Base(c.Host.Model), ".gguf")
}
