package setup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/kvasir-cache/kvasir/engine"
	"github.com/kvasir-cache/kvasir/internal/atlas"
	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/cachedir"
	"github.com/kvasir-cache/kvasir/internal/fingerprint"
	"github.com/kvasir-cache/kvasir/internal/gguf"
)

// Identify names the model by its content, which is hashed once and remembered, its chat template,
// adapters and RoPE overrides. It starts no host. If the file is gone, the last identity of its path
// counts, so that stored answers still serve, and gone is true.
func Identify(ctx context.Context, o base.LoadOptions) (id engine.ModelID, gone bool, err error) {
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
			err = fmt.Errorf("adapter %q: %w", a.Path, err)
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

// ShippedModel returns the path of atlas, written to the cache folder if it is not there yet.
func ShippedModel() (string, error) {
	dir, err := cachedir.Path("models")
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", withHint(fmt.Errorf("cache folder: %w", err), "set "+cachedir.Env+" to a folder that this user may write, or name a model with -m")
	}
	return atlas.Extract(dir)
}
