package wasmhost

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/kvasir-cache/kvasir/hostapi"
	"github.com/kvasir-cache/kvasir/internal/wasmhost/meter"
)

// FuzzLoad gives the loader any bytes. What it loads answers or fails, within its steps.
func FuzzLoad(f *testing.F) {
	modules, err := filepath.Glob("testdata/*.wasm")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range modules {
		module, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(module)
	}
	f.Add(plain().bytes())
	f.Add([]byte("\x00asm\x0d\x00\x01\x00"))
	r := openRuntime(f)
	f.Fuzz(func(t *testing.T, module []byte) {
		p, err := Load(t.Context(), Options{
			Runtime: r, Name: "p", Module: module, Logger: quiet, Limits: hostapi.Limits{Steps: 5_000, MemoryBytes: 8 << 20},
			Grants: []hostapi.Grant{hostapi.GrantTokenize}, Services: everyService(),
		})
		if err != nil {
			return
		}
		defer p.Close()
		for range 2 {
			if out, err := p.Normalize(t.Context(), "Some Text"); err == nil && (!utf8.ValidString(out) || len(out) > hostapi.MaxText) {
				t.Errorf("Normalize: %q", out)
			}
			if scores, err := p.Score(t.Context(), "q", []string{"a", "b"}); err == nil && hostapi.CheckScores(scores, 2) != nil {
				t.Errorf("Score: %v", scores)
			}
			if sets, err := p.Features(t.Context(), []string{"a"}); err == nil && hostapi.CheckFeatures(sets, 1) != nil {
				t.Errorf("Features: %v", sets)
			}
			p.Hook(t.Context(), &hostapi.Event{Hook: hostapi.RoleOnHit})
		}
	})
}

// mirror is a guest that returns the first eight bytes of its input as its result.
func mirror() []byte {
	load := []byte{0x20, 0x00, 0x29, 0x03, 0x00}
	b := plain().with("kvasir_normalize", typeOf("ii", "l"), load)
	for _, r := range []hostapi.Role{hostapi.RoleScore, hostapi.RoleFeatures, hostapi.RoleOnHit, roleExplain} {
		b.with(r.Export(), typeOf("ii", "l"), load)
	}
	return b.bytes()
}

// FuzzResult gives the host any result, with any bytes for it to point to.
func FuzzResult(f *testing.F) {
	at := func(ptr, n uint32, data string) {
		f.Add(append(binary.LittleEndian.AppendUint64(nil, hostapi.Pack(ptr, n)), data...))
	}
	at(72, 4, "text")
	at(72, 8, "\x00\x00\x00\x3f\x00\x00\x80\x3f")
	at(72, 16, "\x01\x00\x00\x00\x01\x00\x00\x00\x07\x00\x00\x00\x00\x00\x00\x00")
	at(72, 16, `{"accept":false}`)
	at(72, 34, `{"verdict":"same","reason":"both"}`)
	at(65530, 100, "")
	at(math.MaxInt32, math.MaxUint32, "")
	at(1<<31, 7, "")
	p, err := loadModule(f, openRuntime(f), mirror())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) < 8 || len(data) > 60<<10 {
			return
		}
		in, err := p.begin(t.Context(), hostapi.RoleNormalize, p.steps)
		if err != nil {
			t.Fatal(err)
		}
		c := in.guest.(*core)
		// A text that is not UTF-8 is given to no plugin; here it may come back as it was.
		if out, err := c.normalize(string(data)); err == nil && out != string(data) && !utf8.ValidString(out) {
			t.Errorf("Normalize: %q", out)
		}
		out, err := c.callBytes(c.roles[atScore], "score", data)
		if err == nil {
			if sets, err := hostapi.DecodeFeatures(out, 1); err == nil && hostapi.CheckFeatures(sets, 1) != nil {
				t.Errorf("features: %v", sets)
			}
			if scores, err := hostapi.DecodeScores(out, 2); err == nil && hostapi.CheckScores(scores, 2) != nil {
				t.Errorf("scores: %v", scores)
			}
		}
		c.hook(hostapi.RoleOnHit, data)
		p.end(in, hostapi.RoleNormalize, nil)
	})
}

// FuzzLine reads any answer of a program.
func FuzzLine(f *testing.F) {
	for _, line := range []string{
		`{"text":"a"}`, `{"scores":[0.5,1]}`, `{"sets":[[1,18446744073709551615]]}`, `{"decision":{"accept":false}}`,
		`{"decision":null}`, `{}`, `{"error":"e"}`, `{"manifest":{"name":"n","version":"1"}}`,
		`{"explanation":{"verdict":"same","reason":"r"}}`, `{"text":"a","error":"b"}`, `{"text":"\ud800"}`, "{\"text\":\"\xff\"}",
	} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		r, err := decodeReply(line)
		if err != nil {
			return
		}
		if n := r.fields(); n > 1 {
			t.Errorf("%d fields", n)
		}
		if r.Text != nil {
			if out, err := normalForm([]byte(*r.Text), "x"); err == nil && !utf8.ValidString(out) {
				t.Errorf("text: %q", out)
			}
		}
		if d, err := decision(hostapi.RoleOnHit, r.Decision); err == nil && d != nil && d.Check(hostapi.RoleOnHit) != nil {
			t.Errorf("decision: %+v", d)
		}
	})
}

// FuzzViews holds the decoder that copies nothing to the one of the contract.
func FuzzViews(f *testing.F) {
	f.Add(hostapi.AppendScoreFrame(nil, "query", []string{"a", "", "größe"}))
	f.Add(hostapi.AppendScoreFrame(nil, "\xc3", []string{"\xb6"})) // valid only together
	f.Add([]byte("\x02\x00\x00\x00\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, frame []byte) {
		wantQuery, want, err := hostapi.DecodeScoreFrame(frame)
		var in instance
		query, ok := in.views(frame)
		if ok != (err == nil) {
			t.Fatalf("views: %t, and the contract says %v", ok, err)
		}
		if ok && (query != wantQuery || !slices.Equal(in.texts, want)) {
			t.Errorf("views: %q %q, want %q %q", query, in.texts, wantQuery, want)
		}
	})
}

// FuzzRewriteCache reads any file as a rewritten module.
func FuzzRewriteCache(f *testing.F) {
	dir := f.TempDir()
	c := rewriteCache{dir}
	if _, err := c.rewrite(plain().bytes(), meterLimits(1<<20)); err != nil {
		f.Fatal(err)
	}
	whole, err := os.ReadFile(c.path(plain().bytes(), meterLimits(1<<20)))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:len(whole)-1])
	path := filepath.Join(dir, "file")
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if r := c.load(path); r != nil && slices.ContainsFunc(r.imports, func(i meter.Import) bool { return i.Module == meter.TickModule }) {
			t.Errorf("imports are %v", r.imports)
		}
	})
}

// FuzzAbort reads any text of AssemblyScript.
func FuzzAbort(f *testing.F) {
	f.Add([]byte("\x08\x00\x00\x00o\x00o\x00p\x00s\x00"))
	f.Add([]byte("\xff\xff\xff\xff\x00\xd8"))
	p, err := loadModule(f, openRuntime(f), mirror())
	if err != nil {
		f.Fatal(err)
	}
	in, _, err := p.start(f.Context())
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(in.close)
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 60<<10 {
			return
		}
		for _, ptr := range []uint32{0, 3, 64, 65536 - uint32(len(data)) - 4, math.MaxUint32} {
			if ptr < 60<<10 {
				in.memory.Write(ptr, data)
			}
			if text := cut(in.scriptText(ptr+4), maxTrapText); !utf8.ValidString(text) || strings.Contains(text, "\n") {
				t.Errorf("text at %d: %q", ptr, text)
			}
		}
	})
}
