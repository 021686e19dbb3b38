package wasmhost

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/kvasir-cache/kvasir/hostapi"
	"github.com/kvasir-cache/kvasir/internal/wasmhost/meter"
)

// rewritten is a module as it is compiled, and what it was before.
type rewritten struct {
	module  []byte
	imports []meter.Import
	exports []meter.Export
}

func (r *rewritten) export(name string) (meter.Export, bool) {
	for _, e := range r.exports {
		if e.Name == name {
			return e, true
		}
	}
	return meter.Export{}, false
}

func meterLimits(memory uint64) meter.Limits {
	return meter.Limits{
		MemoryPages: uint32(memory >> 16),
		CallDepth:   callDepth,
		ModuleBytes: hostapi.MaxModule,
	}
}

// rewrite passes a module through the meter. The error says what to build instead.
func rewrite(module []byte, limits meter.Limits) (*rewritten, error) {
	out, info, err := meter.Rewrite(module, limits)
	if err != nil {
		f := faultf(hostapi.ErrLoad, "%v", err)
		var e *meter.Error
		if errors.As(err, &e) && e.Hint != "" {
			f.text += "; " + e.Hint
		}
		return nil, f
	}
	return &rewritten{module: out, imports: info.Imports, exports: info.Exports}, nil
}

// rewriteCache keeps rewritten modules in files, since the pass takes as long as reading a large module from
// the engine's cache. A file that is damaged counts as absent.
//
//	32 bytes SHA-256 of the rest, u32 length of the names, names as JSON, module
type rewriteCache struct{ dir string } // empty: nothing is kept

// names is the JSON in a file.
type names struct {
	Imports []meter.Import
	Exports []meter.Export
}

// rewrite returns the rewritten module from the cache, or makes it. That it cannot be kept is no error.
func (c *rewriteCache) rewrite(module []byte, limits meter.Limits) (*rewritten, error) {
	path := c.path(module, limits)
	if r := c.load(path); r != nil {
		return r, nil
	}
	r, err := rewrite(module, limits)
	if err == nil && path != "" {
		c.store(path, r)
	}
	return r, err
}

func (c *rewriteCache) path(module []byte, limits meter.Limits) string {
	if c.dir == "" {
		return ""
	}
	h := sha256.New()
	fmt.Fprintf(h, "%d %+v\n", meter.Version, limits)
	h.Write(module)
	return filepath.Join(c.dir, "metered-"+hex.EncodeToString(h.Sum(nil)))
}

const rewriteHeader = sha256.Size + 4

func (c *rewriteCache) load(path string) *rewritten {
	if path == "" {
		return nil
	}
	data, err := os.ReadFile(path)
	if err != nil || len(data) < rewriteHeader {
		return nil
	}
	if sum := sha256.Sum256(data[sha256.Size:]); !bytes.Equal(sum[:], data[:sha256.Size]) {
		return nil
	}
	n := binary.LittleEndian.Uint32(data[sha256.Size:])
	data = data[rewriteHeader:]
	var known names
	if uint64(n) > uint64(len(data)) || json.Unmarshal(data[:n], &known) != nil {
		return nil
	}
	return &rewritten{module: data[n:], imports: known.Imports, exports: known.Exports}
}

func (c *rewriteCache) store(path string, r *rewritten) {
	text, err := json.Marshal(names{r.imports, r.exports})
	if err != nil {
		return
	}
	data := make([]byte, sha256.Size, rewriteHeader+len(text)+len(r.module))
	data = binary.LittleEndian.AppendUint32(data, uint32(len(text)))
	data = append(append(data, text...), r.module...)
	sum := sha256.Sum256(data[sha256.Size:])
	copy(data, sum[:])
	writeFile(path, data)
}

// writeFile puts data at path as a whole or not at all. Without a sync a crash may leave less than was
// written, which the sum in front of it tells.
func writeFile(path string, data []byte) {
	f, err := os.CreateTemp(filepath.Dir(path), "metered-*.tmp") // mode 0600
	if err != nil {
		return
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
}
