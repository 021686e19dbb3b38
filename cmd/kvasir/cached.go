package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync"
	"time"

	"github.com/kvasir-cache/kvasir/engine"
	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/cachedir"
	"github.com/kvasir-cache/kvasir/internal/config"
	"github.com/kvasir-cache/kvasir/internal/control"
	"github.com/kvasir-cache/kvasir/internal/fingerprint"
	"github.com/kvasir-cache/kvasir/internal/gguf"
	"github.com/kvasir-cache/kvasir/internal/prochost"
)

// cached is a model behind the cache. The inference host is started by the first request that needs
// it, so an answer from the store costs no model.
type cached struct {
	load     base.LoadOptions
	program  string
	stderr   io.Writer
	verbose  bool
	strategy string // of every request; empty is that of the configuration

	cache   *opened // nil if the process that has the store cannot be asked
	without string  // why there is no cache
	model   engine.ModelID
	gone    bool // the file of the model; model is the last identity of its path

	starting sync.Mutex     // an inference that was given up may still be starting the host
	host     *prochost.Host // nil until it is needed
	loaded   time.Duration  // what starting it took
}

// openCached opens the cache that c describes and identifies the model. If another process has the store
// and cannot be asked, requests go by the cache.
func openCached(ctx context.Context, c *config.Config, o base.LoadOptions, program string, stderr io.Writer, verbose bool) (*cached, error) {
	k := &cached{load: o, program: program, stderr: stderr, verbose: verbose}
	var err error
	if k.model, k.gone, err = identify(ctx, o); err != nil {
		return nil, err
	}
	if err := k.open(ctx, c); err != nil {
		k.close()
		return nil, err
	}
	return k, nil
}

// open opens the store. If this process has it now, the plugins are loaded, so that what is wrong with them
// is an error; those that tokenize need the model.
func (k *cached) open(ctx context.Context, c *config.Config) (err error) {
	k.cache, err = openStore(ctx, c, false, newLogger(k.stderr, k.verbose), k.tokenize)
	if errors.Is(err, engine.ErrLocked) || errors.Is(err, control.ErrOwner) {
		k.without = err.Error()
		fmt.Fprintf(k.stderr, "kvasir: note: answering without the cache: %v\n", err)
		return nil
	}
	if err != nil {
		return withHint(err, "run it with --cache-persist=off to go without the store")
	}
	if owner := k.cache.store.Owner(); owner != 0 {
		if differs := k.cache.store.Differs(); len(differs) > 0 {
			fmt.Fprintf(k.stderr, "kvasir: note: process %d has the store, and its settings count: %s\n", owner, strings.Join(differs, ", "))
		}
		return nil
	}
	if tokenizes(c) {
		if _, err := k.needHost(ctx); err != nil {
			return err
		}
	}
	if err := k.cache.own.Load(ctx); err != nil {
		return withHint(err, "kvasir plugin check NAME says more; a plugin without its table in cache.toml is not used")
	}
	return nil
}

// tokenize is what plugins with that grant call.
func (k *cached) tokenize(ctx context.Context, text string) ([]int32, error) {
	host, err := k.needHost(ctx)
	if err != nil {
		return nil, err
	}
	return host.Tokenize(ctx, text, false)
}

// withHint adds a hint to an error that has none.
func withHint(err error, hint string) error {
	if base.Hint(err) != "" {
		return err
	}
	return &base.Error{Sentinel: err, Message: err.Error(), Hint: hint}
}

// close stores what is left and stops the host. A store that fails now is only warned of: the answers
// were given.
func (k *cached) close() {
	if k.cache != nil {
		if err := k.cache.close(); err != nil {
			fmt.Fprintf(k.stderr, "kvasir: warning: %v\n", err)
		}
	}
	k.starting.Lock()
	defer k.starting.Unlock()
	if k.host != nil {
		k.host.Close()
	}
}

// serve answers a request from the cache or by the model, and waits until a new answer is safe.
func (k *cached) serve(ctx context.Context, r *base.Request, emit func(base.Chunk) error) (*engine.Answer, error) {
	infer := func(ctx context.Context, emit func(base.Chunk) error) (*base.Result, error) {
		host, err := k.needHost(ctx)
		if err != nil {
			return nil, err
		}
		return host.Generate(ctx, r, emit)
	}
	if k.cache == nil {
		result, err := infer(ctx, emit)
		return &engine.Answer{Decision: base.Decision{Action: base.ActionBypass, Reason: k.without}, Result: result}, err
	}
	a, err := k.cache.store.Serve(ctx, &engine.Query{Model: k.model, Request: r, Strategy: k.strategy}, infer, emit)
	if err != nil {
		return nil, err
	}
	if k.gone && a.Action == base.ActionAnswer {
		a.Reason += "; the model's file is gone, and the answer is that of the model it last held"
	}
	if err := a.Receipt.Wait(ctx); err != nil {
		fmt.Fprintf(k.stderr, "kvasir: warning: the answer could not be stored: %v\n", err)
	}
	return a, nil
}

// needHost starts the host if it does not run, and makes sure that it has the model that answers are
// filed under.
func (k *cached) needHost(ctx context.Context) (*prochost.Host, error) {
	k.starting.Lock()
	defer k.starting.Unlock()
	if k.host != nil {
		return k.host, nil
	}
	began := time.Now()
	host, err := openHost(ctx, k.program, k.load, k.stderr, k.verbose)
	if err != nil {
		return nil, err
	}
	info, err := host.Info(ctx)
	if err == nil && fingerprint.ModelID(fingerprint.PartsOf(info)) != k.model {
		err = &base.Error{Sentinel: base.ErrModel, Message: fmt.Sprintf("model %q changed while it was being loaded", k.load.Model), Hint: "run it again"}
	}
	if err != nil {
		return nil, errors.Join(err, host.Close())
	}
	if limit := info.Model.ContextTrain; limit > 0 && info.Runtime.Context > limit {
		fmt.Fprintf(k.stderr, "kvasir: note: the context of %d tokens is more than the %d the model was made for; answers beyond that get worse\n", info.Runtime.Context, limit)
	}
	k.host, k.loaded = host, time.Since(began)
	return host, nil
}

// identify names the model by its content, which is hashed once and remembered, its chat template,
// adapters and RoPE overrides. It starts no host. If the file is gone, the last identity of its path
// counts, so that stored answers still serve, and gone is true.
func identify(ctx context.Context, o base.LoadOptions) (id engine.ModelID, gone bool, err error) {
	path, err := cachedir.Path("models.json")
	if err != nil {
		return id, false, err
	}
	files, err := fingerprint.OpenFiles(path, fingerprint.FilesOptions{Hash: gguf.Hash})
	if err != nil {
		return id, false, err
	}
	parts := fingerprint.ModelParts{Template: o.Template, Rope: o.Rope}
	if gone, err = identifyModel(ctx, files, o.Model, &parts); err != nil {
		return id, false, err
	}
	for _, a := range o.Adapters {
		adapter, err := files.Hash(ctx, []string{a.Path}, nil)
		if err != nil {
			return id, false, err
		}
		parts.Adapters = append(parts.Adapters, base.AdapterInfo{SHA256: adapter.SHA256, Scale: a.Scale})
	}
	if err := parts.Validate(); err != nil {
		return id, false, err
	}
	return fingerprint.ModelID(parts), gone, nil
}

func identifyModel(ctx context.Context, files *fingerprint.Files, model string, parts *fingerprint.ModelParts) (gone bool, err error) {
	paths, err := gguf.Parts(model)
	if errors.Is(err, fs.ErrNotExist) {
		if last, ok := files.Last(model); ok && last.HasTemplate {
			parts.SHA256 = last.SHA256
			parts.Template = ownUnless(parts.Template, last.Template)
			return true, nil
		}
	}
	if err != nil {
		return false, err
	}
	found, err := files.Hash(ctx, paths, nil)
	if err != nil {
		return false, err
	}
	parts.SHA256 = found.SHA256
	own := found.Template
	if !found.HasTemplate {
		header, err := gguf.Open(paths[0])
		if err != nil {
			return false, err
		}
		own, _ = header.String("tokenizer.chat_template")
		// If it cannot be written down, only a missing model file will not be known next time.
		_ = files.Remember(paths, found.SHA256, own)
	}
	parts.Template = ownUnless(parts.Template, own)
	return false, nil
}

// ownUnless returns the model's own template unless another is given.
func ownUnless(given, own string) string {
	if given != "" {
		return given
	}
	return own
}
