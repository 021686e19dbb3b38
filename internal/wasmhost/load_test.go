package wasmhost

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/hostapi"
)

// loadModule loads a module that a test has built.
func loadModule(t testing.TB, r *Runtime, module []byte, grants ...hostapi.Grant) (*Plugin, error) {
	t.Helper()
	return Load(t.Context(), Options{
		Runtime: r, Name: "p", Module: module, Grants: grants, Logger: quiet, Services: everyService(),
	})
}

func everyService() Services {
	return Services{
		Tokenize: func(_ context.Context, text string) ([]int32, error) {
			if text == "fail" {
				return nil, errors.New("no model")
			}
			return []int32{1, int32(len(text)), -1}, nil
		},
		KV:     mapKV{},
		Now:    func() time.Time { return time.UnixMilli(1234) },
		Random: func(b []byte) { copy(b, "random bytes") },
	}
}

// mapKV keeps everything, except for what is called "full".
type mapKV map[string][]byte

func (m mapKV) Get(_ context.Context, key string) ([]byte, bool) { v, ok := m[key]; return v, ok }

func (m mapKV) Put(_ context.Context, key string, value []byte) error {
	if key == "full" {
		return errors.New("full")
	}
	m[key] = bytes.Clone(value)
	return nil
}

func TestLoad_SaysWhatIsWrongWithAModule(t *testing.T) {
	r := openRuntime(t)
	onHit := func(b *builder) *builder {
		return b.without("kvasir_normalize").with("kvasir_on_hit", typeOf("ii", "l"), returnNothing)
	}
	for _, c := range []struct {
		what   string
		module []byte
		says   []string
	}{
		{"no module", []byte("hello"), []string{"cut off before its header", "copy the file again"}},
		{"component", []byte("\x00asm\x0d\x00\x01\x00"), []string{"component", "wasm32-wasip1"}},
		{"nothing in it", []byte("\x00asm\x01\x00\x00\x00"), []string{"it is no plugin", "kvasir_abi_version", "_start", "extism:host/env"}},
		{"no version", plain().without("kvasir_abi_version").bytes(), []string{`no function "kvasir_abi_version" of type () -> (i32)`}},
		{"no alloc", plain().without("kvasir_alloc").bytes(), []string{`no function "kvasir_alloc" of type (i32) -> (i32)`}},
		{"no memory", func() []byte { b := plain(); b.memory = "mem"; return b.bytes() }(), []string{`no memory named "memory"`}},
		{"no role", plain().without("kvasir_normalize").bytes(), []string{`no function of a role`, "kvasir_normalize"}},
		{"role of another type", plain().with("kvasir_normalize", typeOf("ii", "i"), return64).bytes(),
			[]string{`"kvasir_normalize" has type (i32, i32) -> (i32), want (i32, i32) -> (i64)`}},
		{"init of another type", plain().with("kvasir_init", typeOf("", ""), nil).bytes(),
			[]string{`"kvasir_init" has type () -> (), want (i32, i32) -> (i64)`}},
		{"memory is a function", func() []byte {
			b := plain()
			b.memory = ""
			return b.with("memory", typeOf("", ""), nil).bytes()
		}(), []string{`no memory named "memory"`}},
		{"import of nowhere", plain().importing("wasi_unstable", "fd_write", typeOf("iiii", "i")).bytes(),
			[]string{`"wasi_unstable"."fd_write"`, "no module", "kvasir, wasi_snapshot_preview1"}},
		{"import of the meter", plain().importing("kvasir_meter", "tick", typeOf("", "")).bytes(), []string{`"kvasir_meter"."tick"`}},
		{"import of no such function", plain().importing("kvasir", "exec", typeOf("", "")).bytes(),
			[]string{`"kvasir"."exec"`, `module "kvasir" has no such function`}},
		{"import of another type", plain().importing("kvasir", "log", typeOf("ii", "")).bytes(),
			[]string{`"kvasir"."log" as (i32, i32) -> (), want (i32, i32, i32) -> ()`}},
		{"wasi of another type", plain().importing("wasi_snapshot_preview1", "fd_close", typeOf("l", "i")).bytes(),
			[]string{`"fd_close" as (i64) -> (i32), want (i32) -> (i32)`}},
		{"import without its grant", onHit(plain()).importing("kvasir", "kv_get", typeOf("iiii", "i")).bytes(),
			[]string{`"kvasir"."kv_get"`, `needs the grant "kv"`}},
		{"newer contract", plain().with("kvasir_abi_version", typeOf("", "i"), append([]byte{0x41}, leb(0x10001)...)).bytes(),
			[]string{"needs version 1.1", "this is 1.0"}},
		{"other contract", plain().with("kvasir_abi_version", typeOf("", "i"), append([]byte{0x41}, leb(0x20000)...)).bytes(),
			[]string{"version 2.0"}},
		{"trap in init", plain().with("kvasir_init", typeOf("ii", "l"), trapAtOnce).bytes(), []string{"crashed", "unreachable"}},
		{"loop in init", plain().with("kvasir_init", typeOf("ii", "l"), append(loopForever, 0x00)).bytes(), []string{"budget", "12000000 steps"}},
		{"trap in _initialize", plain().with("_initialize", typeOf("", ""), trapAtOnce).bytes(), []string{"crashed", "unreachable"}},
		{"manifest of no JSON", plain().with("kvasir_init", typeOf("ii", "l"), []byte{0x42, 0x08}).bytes(),
			[]string{"manifest"}},
		{"alloc of nothing", plain().with("kvasir_alloc", typeOf("i", "i"), []byte{0x41, 0}).with("kvasir_init", typeOf("ii", "l"), returnNothing).bytes(),
			[]string{"returned 0", "no memory left"}},
		{"alloc that is not aligned", plain().with("kvasir_alloc", typeOf("i", "i"), []byte{0x41, 4}).with("kvasir_init", typeOf("ii", "l"), returnNothing).bytes(),
			[]string{"multiple of 8"}},
		{"alloc outside memory", plain().with("kvasir_alloc", typeOf("i", "i"), []byte{0x41, 0x78}).with("kvasir_init", typeOf("ii", "l"), returnNothing).bytes(),
			[]string{"outside its memory"}},
		{"huge straight function", plain().with("kvasir_init", typeOf("ii", "l"), append(bytes.Repeat([]byte{0x01}, 1<<20+1), returnNothing...)).bytes(),
			[]string{"function"}},
		{"many locals", func() []byte {
			b := plain()
			b.exports[2].locals = 600
			return b.bytes()
		}(), []string{"more than 512 parameters and locals"}},
		{"large module", make([]byte, hostapi.MaxModule+1), []string{"more than 33554432 bytes"}},
	} {
		p, err := loadModule(t, r, c.module)
		if !errors.Is(err, hostapi.ErrLoad) {
			t.Errorf("%s: got %v, want %v", c.what, err, hostapi.ErrLoad)
			continue
		}
		if p != nil {
			t.Errorf("%s: a plugin beside the error", c.what)
		}
		for _, says := range append(c.says, `plugin "p": load: `) {
			if !strings.Contains(err.Error(), says) {
				t.Errorf("%s: the error is %q, want it to say %q", c.what, err, says)
			}
		}
	}
}

// What is executed in a straight line is bounded by steps too: one for 512 instructions.
func TestLoad_TakesALargeFunction(t *testing.T) {
	code := append(bytes.Repeat([]byte{0x01}, 1<<16), returnNothing...)
	p, err := loadModule(t, openRuntime(t), plain().with("kvasir_normalize", typeOf("ii", "l"), code).bytes())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Normalize(t.Context(), "x"); err != nil {
		t.Error(err)
	}
	if s := p.Stats(); s.Steps < 128 {
		t.Errorf("65,536 instructions cost %d steps, want 128 or more", s.Steps)
	}
}

func TestLoad_PureRolesHaveNoImpureGrants(t *testing.T) {
	r := openRuntime(t)
	both := plain().with("kvasir_on_hit", typeOf("ii", "l"), returnNothing).bytes()
	hooks := plain().without("kvasir_normalize").with("kvasir_on_hit", typeOf("ii", "l"), returnNothing).
		importing("kvasir", "now_ms", typeOf("", "l")).importing("kvasir", "random", typeOf("ii", "")).
		importing("kvasir", "kv_put", typeOf("iiii", "i")).bytes()
	for _, g := range []hostapi.Grant{hostapi.GrantNow, hostapi.GrantRandom, hostapi.GrantKV} {
		_, err := loadModule(t, r, both, g)
		if !errors.Is(err, hostapi.ErrLoad) || !strings.Contains(err.Error(), `"normalize"`) || !strings.Contains(err.Error(), string(g)) {
			t.Errorf("a normalizer with the grant %s: %v", g, err)
		}
	}
	if _, err := loadModule(t, r, both, hostapi.GrantTokenize); err != nil {
		t.Errorf("a normalizer with the grant tokenize: %v", err)
	}
	if _, err := loadModule(t, r, hooks, hostapi.GrantNow, hostapi.GrantRandom, hostapi.GrantKV); err != nil {
		t.Errorf("a hook with every grant: %v", err)
	}
}

func TestLoad_OptionsAreChecked(t *testing.T) {
	r := openRuntime(t)
	module := plain().bytes()
	sum := sha256.Sum256(module)
	path := filepath.Join(t.TempDir(), "p.wasm")
	if err := os.WriteFile(path, module, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what   string
		change func(*Options)
		says   string // empty: it loads
	}{
		{"a file", func(o *Options) { o.Path, o.Module = path, nil }, ""},
		{"its sum", func(o *Options) { o.SHA256 = strings.ToUpper(hex.EncodeToString(sum[:])) }, ""},
		{"another sum", func(o *Options) { o.SHA256 = strings.Repeat("0", 64) }, hex.EncodeToString(sum[:])},
		{"no file", func(o *Options) { o.Path, o.Module = path+"x", nil }, "no such file"},
		{"a folder", func(o *Options) { o.Path, o.Module = t.TempDir(), nil }, "is no file"},
		{"file and module", func(o *Options) { o.Path = path }, "either a path or a module"},
		{"no name", func(o *Options) { o.Name = "" }, "no name"},
		{"no runtime", func(o *Options) { o.Runtime = nil }, "no runtime"},
		{"config", func(o *Options) { o.Config = []byte(`[1]`) }, "no JSON object"},
		{"memory", func(o *Options) { o.Limits.MemoryBytes = 2 << 30 }, "memory_bytes is 2147483648"},
		{"steps", func(o *Options) { o.Limits.Steps = 1 << 60 }, "steps"},
		{"instances", func(o *Options) { o.Instances = -1 }, "instances is -1"},
		{"grant", func(o *Options) { o.Grants = []hostapi.Grant{"files"} }, `grant "files" is not known`},
		{"grant of nothing", func(o *Options) { o.Grants = []hostapi.Grant{hostapi.GrantTokenize} }, `grant "tokenize" cannot be given`},
	} {
		o := Options{Runtime: r, Name: "p", Module: module, Logger: quiet}
		c.change(&o)
		_, err := Load(t.Context(), o)
		if c.says == "" && err != nil || c.says != "" && (!errors.Is(err, hostapi.ErrLoad) || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: got %v, want %q", c.what, err, c.says)
		}
	}
}

func TestLoad_CallerThatDoesNotWait(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := Load(ctx, Options{Runtime: openRuntime(t), Name: "p", Module: plain().bytes(), Logger: quiet})
	if !errors.Is(err, context.Canceled) || !errors.Is(err, hostapi.ErrLoad) {
		t.Errorf("got %v, want that the caller did not wait", err)
	}
}

func TestRuntime_CloseClosesPlugins(t *testing.T) {
	r, err := Open(t.Context(), RuntimeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := loadModule(t, r, plain().bytes())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := p.Normalize(t.Context(), "x"); !errors.Is(err, hostapi.ErrClosed) {
		t.Errorf("a call after Close: %v", err)
	}
	if _, err := loadModule(t, r, plain().bytes()); !errors.Is(err, hostapi.ErrLoad) || !errors.Is(err, hostapi.ErrClosed) {
		t.Errorf("a load after Close: %v", err)
	}
}

// Whoever closes the runtime while others load and call gets no crash, and they an error.
func TestRuntime_CloseDuringLoads(t *testing.T) {
	for range 5 {
		r, err := Open(t.Context(), RuntimeOptions{})
		if err != nil {
			t.Fatal(err)
		}
		var loaders sync.WaitGroup
		begun := make(chan struct{}, 100)
		for range 4 {
			loaders.Go(func() {
				for {
					p, err := Load(context.Background(), Options{Runtime: r, Name: "p", Module: fixture(t, "basic"), Logger: quiet})
					if err != nil {
						if !errors.Is(err, hostapi.ErrClosed) {
							t.Errorf("Load: %v", err)
						}
						return
					}
					select {
					case begun <- struct{}{}:
					default:
					}
					if _, err := p.Normalize(context.Background(), "x"); err != nil && !errors.Is(err, hostapi.ErrClosed) {
						t.Errorf("Normalize: %v", err)
					}
				}
			})
		}
		<-begun
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		loaders.Wait()
	}
}

func TestRuntime_KeepsWhatItCompiled(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	for i := range 3 {
		r, err := Open(t.Context(), RuntimeOptions{CacheDir: dir})
		if err != nil {
			t.Fatal(err)
		}
		p, err := loadModule(t, r, fixture(t, "basic"))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := p.Normalize(t.Context(), "A"); got != "a" || err != nil {
			t.Errorf("round %d: %q, %v", i, got, err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		files := metered(t, dir)
		if len(files) != 1 {
			t.Fatalf("round %d: the cache has %q, want one rewritten module", i, files)
		}
		if i == 1 { // damage is not believed
			if err := os.WriteFile(files[0], []byte("not what it was"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the cache folder has mode %v, want 0700", info.Mode())
	}
}

func metered(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "metered-*"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestRuntime_RefusesACacheThatOthersCanChange(t *testing.T) {
	dir := t.TempDir()
	below := filepath.Join(dir, "wazero")
	file := filepath.Join(below, "code")
	for path, mode := range map[string]fs.FileMode{dir: 0o777, below: 0o770, file: 0o666} {
		if err := errors.Join(os.MkdirAll(below, 0o700), os.WriteFile(file, nil, 0o600), os.Chmod(path, mode)); err != nil {
			t.Fatal(err)
		}
		r, err := Open(t.Context(), RuntimeOptions{CacheDir: dir})
		if err == nil || !strings.Contains(err.Error(), "others can write into "+path) {
			t.Errorf("mode %o of %s: got %v", mode, path, err)
		}
		if err == nil {
			r.Close()
		}
		if err := os.Chmod(path, mode&0o700); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(file); err != nil {
		t.Errorf("a refused folder is not as it was: %v", err)
	}
}

// Every function of the contract that a grant does not cover is announced to guests, and none else.
func TestOffers_AreWhatTheContractSays(t *testing.T) {
	want := hostapi.HostFeatures()
	var got []string
	for _, f := range kvasirFuncs {
		if f.grant == "" {
			got = append(got, f.name)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("functions are %q, and the contract names %q", got, want)
	}
}
