package setup

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// HostEnv names the environment variable with the inference host, and HostName the program that is looked
// for without it.
const (
	HostEnv  = "KVASIR_LLAMA"
	HostName = "kvasir-llama"
)

// FindHost returns the path of the inference host to start: the one that is asked for, the environment's,
// the configuration file's, one beside this program, or one on the PATH. Empty names are passed over.
func FindHost(asked, configured string) (string, error) {
	for _, named := range []string{asked, os.Getenv(HostEnv), configured} {
		if named == "" {
			continue
		}
		path, err := exec.LookPath(named)
		if err != nil {
			return "", &base.Error{Sentinel: base.ErrUnavailable, Message: fmt.Sprintf("inference host %q: %v", named, errors.Unwrap(err))}
		}
		return filepath.Abs(path)
	}
	if self, err := os.Executable(); err == nil {
		if path, err := exec.LookPath(filepath.Join(filepath.Dir(self), HostName)); err == nil {
			return path, nil
		}
	}
	if path, err := exec.LookPath(HostName); err == nil {
		return path, nil
	}
	return "", &base.Error{Sentinel: base.ErrUnavailable, Message: "the inference host kvasir-llama was not found beside kvasir or on the PATH",
		Hint: "make build puts both into bin/; --host PATH or " + HostEnv + "=PATH names another place"}
}
