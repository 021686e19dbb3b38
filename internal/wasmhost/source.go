package wasmhost

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"strings"

	"github.com/kvasir-cache/kvasir/hostapi"
)

// source returns the module that o names.
func source(o *Options) ([]byte, error) {
	module := o.Module
	if o.Path != "" {
		var err error
		if module, err = readModule(o.Path); err != nil {
			return nil, err
		}
	}
	if len(module) > hostapi.MaxModule {
		return nil, faultf(hostapi.ErrLoad, "the module has more than %d bytes", hostapi.MaxModule)
	}
	if o.SHA256 == "" {
		return module, nil
	}
	sum := sha256.Sum256(module)
	if got := hex.EncodeToString(sum[:]); !strings.EqualFold(got, o.SHA256) {
		return nil, faultf(hostapi.ErrLoad, "the module's sha256 is %s, and the configuration wants %s", got, o.SHA256)
	}
	return module, nil
}

// readModule reads a file, and no more of it than a module may have and one byte. A pipe or a device is
// no module: reading one might never end.
func readModule(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, faultf(hostapi.ErrLoad, "%v", err)
	}
	if !info.Mode().IsRegular() {
		return nil, faultf(hostapi.ErrLoad, "%s is no file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, faultf(hostapi.ErrLoad, "%v", err)
	}
	defer f.Close()
	module, err := io.ReadAll(io.LimitReader(f, hostapi.MaxModule+1))
	if err != nil {
		return nil, faultf(hostapi.ErrLoad, "%v", err)
	}
	return module, nil
}
