package setup

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"os/exec"

	"github.com/kvasir-cache/kvasir/internal/config"
	shipped "github.com/kvasir-cache/kvasir/plugins"
)

func shippedIdentity(name string) ([32]byte, error) {
	module, _ := shipped.Module(name)
	return sha256.Sum256(module), nil
}

// identityOf hashes all that decides what a plugin answers: its file and its settings.
func identityOf(about *config.Plugin) (id [32]byte, err error) {
	file := about.Path
	if about.Program != "" {
		if file, err = exec.LookPath(about.Program); err != nil {
			return id, err
		}
	}
	h := sha256.New()
	if file != "" {
		f, err := os.Open(file)
		if err != nil {
			return id, err
		}
		defer f.Close()
		if _, err := io.Copy(h, f); err != nil {
			return id, err
		}
	}
	settings, err := json.Marshal([]any{about.Args, about.Script, about.Config})
	if err != nil {
		return id, err
	}
	settings = append(h.Sum(nil), settings...)
	return sha256.Sum256(settings), nil
}

// pluginsHash tells apart plugins of the same names, by their files and settings.
func pluginsHash(c *config.Config) string {
	h := sha256.New()
	for _, name := range c.PluginNames() {
		id, _ := identityOf(c.Plugins[name]) // what cannot be read differs from what can
		h.Write(id[:])
	}
	return "(" + hex.EncodeToString(h.Sum(nil)[:4]) + ")"
}
