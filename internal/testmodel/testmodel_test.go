package testmodel

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kvasir-cache/kvasir/internal/atlas"
	"github.com/kvasir-cache/kvasir/internal/cachedir"
	"github.com/kvasir-cache/kvasir/internal/gguf"
)

func made(t *testing.T, s Shape, kind Type) (*gguf.File, []byte) {
	t.Helper()
	var b bytes.Buffer
	if err := WriteTo(&b, s, kind); err != nil {
		t.Fatal(err)
	}
	f, err := gguf.Read(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	return f, b.Bytes()
}

// TestWriteTo_SameBytesEveryTime fails when the generator changes. Then raise version, so that no
// cached file of before is taken for one of now, and put the new hash here.
func TestWriteTo_SameBytesEveryTime(t *testing.T) {
	small := Shape{Name: "small", Layers: 1, Width: 256, Heads: 4, KVHeads: 2, FFN: 256, Vocab: 1024, Context: 64, RopeBase: 1}
	for _, tt := range []struct {
		shape Shape
		kind  Type
		want  string
	}{
		{Tiny, F32, "74c5a3945e758eaa4653e4ff4b2a057f7b8d667bd2aab6d51c1039f79dc8490f"},
		{Tiny, F16, "0bd37e27b887e35d9fdb07eeca6f942ac5ad21b72356d99c98a16644e73437df"},
		{Tiny, Q8_0, "24838ba675aeab9889d44adc2a34edc5005e48886ca29c898dcec7c648b9483b"},
		{small, Q4_K, "05496ad35b7542f5416061002280d01d051c1b3d87089e47f0db33f595b86fdf"},
	} {
		_, b := made(t, tt.shape, tt.kind)
		sum := sha256.Sum256(b)
		if got := hex.EncodeToString(sum[:]); got != tt.want {
			t.Errorf("hash of %s %s is %s, want %s", tt.shape.Name, tt.kind, got, tt.want)
		}
	}
}

func TestWriteTo_DescribesALlama(t *testing.T) {
	f, _ := made(t, Tiny, Q8_0)
	for name, want := range map[string]uint64{
		"block_count": 2, "embedding_length": 64, "feed_forward_length": 128, "context_length": 2048,
		"attention.head_count": 2, "attention.head_count_kv": 1, "rope.dimension_count": 32, "vocab_size": 1024,
	} {
		if got, ok := f.ModelUint(name); !ok || got != want {
			t.Errorf("%s is %d (%t), want %d", name, got, ok, want)
		}
	}
	if _, ok := f.Tensor("output.weight"); ok {
		t.Error("there is an output matrix, want tied embeddings")
	}
	down, _ := f.Tensor("blk.1.ffn_down.weight")
	if down.Type != gguf.Q8_0 || down.Dims[0] != 128 || down.Dims[1] != 64 {
		t.Errorf("ffn_down is %+v, want 64 rows of 128 in Q8_0", down)
	}
	if n, _ := f.Tensor("output_norm.weight"); n.Type != gguf.F32 {
		t.Errorf("the norm is %s, want F32", n.Type)
	}
}

func TestWriteTo_UsesAtlasTokenizer(t *testing.T) {
	wide := Tiny
	wide.Vocab = 1030
	f, _ := made(t, wide, F16)
	r := atlas.Reader()
	from, err := gguf.Read(r, r.Size())
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range copied {
		got, _ := f.Value(key)
		if want, ok := from.Value(key); !ok || !got.Equal(want) {
			t.Errorf("%s differs from the one of atlas", key)
		}
	}
	tokens, _ := f.Strings("tokenizer.ggml.tokens")
	kinds, _ := f.Ints("tokenizer.ggml.token_type")
	atlasTokens, _ := from.Strings("tokenizer.ggml.tokens")
	if len(tokens) != 1030 || len(kinds) != 1030 || strings.Join(tokens[:1024], " ") != strings.Join(atlasTokens, " ") {
		t.Errorf("%d tokens of %d kinds, want those of atlas and six more", len(tokens), len(kinds))
	}
	if tokens[1029] != "<|unused_5|>" || kinds[1029] != tokenUnused {
		t.Errorf("the last token is %q of kind %d, want an unused one", tokens[1029], kinds[1029])
	}
}

func TestWriteTo_Refuses(t *testing.T) {
	with := func(change func(*Shape)) Shape { s := Tiny; change(&s); return s }
	for _, tt := range []struct {
		name, want string
		shape      Shape
		kind       Type
	}{
		{"SmolLM2 as Q4_K", "rows of 576 do not divide into q4_k blocks of 256", SmolLM2_135M, Q4_K},
		{"rows of 48 as Q8_0", "rows of 48 do not divide into q8_0 blocks of 32", with(func(s *Shape) { s.Width = 48 }), Q8_0},
		{"unknown type", `weight type "q3" is unknown`, Tiny, "q3"},
		{"no layers", "number below one", with(func(s *Shape) { s.Layers = 0 }), F16},
		{"odd heads", "does not divide into 64 heads", with(func(s *Shape) { s.Heads = 64 }), F16},
		{"unknown family", `family "gpt5" is unknown`, with(func(s *Shape) { s.Family = "gpt5" }), F16},
		{"small vocabulary", "does not hold the tokenizer's 1024 tokens", with(func(s *Shape) { s.Vocab = 1000 }), F16},
	} {
		if err := WriteTo(io.Discard, tt.shape, tt.kind); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error is %v, want one with %q", tt.name, err, tt.want)
		}
	}
}

func TestKVBytesPerToken_OfTheShapes(t *testing.T) {
	light := SmolLM2_135M // with what takes the space made small
	light.Vocab, light.FFN = 1024, 32
	f, _ := made(t, light, Q8_0)
	for kind, want := range map[string]int64{"f16": 23040, "q8_0": 12240} {
		if got, ok := gguf.KVBytesPerToken(f, kind, kind); !ok || got != want {
			t.Errorf("KV of a token as %s is %d bytes (%t), want %d", kind, got, ok, want)
		}
	}
}

func TestWrite_ReplacesInOneStep(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "m.gguf")
	for range 2 {
		if err := Write(path, Tiny, Q8_0); err != nil {
			t.Fatal(err)
		}
	}
	if err := Write(filepath.Join(dir, "n.gguf"), Tiny, Q4_K); err == nil {
		t.Error("a shape that does not fit was written")
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("the folder holds %v, want the model alone", entries)
	}
}

func TestCached_MakesAModelOnce(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(cachedir.Env, dir)
	path, err := Cached(Tiny, Q8_0)
	if err != nil {
		t.Fatal(err)
	}
	if filepath.Dir(path) != filepath.Join(dir, "testmodels") {
		t.Errorf("path is %q, want one in %q", path, dir)
	}
	before, _ := os.Stat(path)
	again, err := Cached(Tiny, Q8_0)
	if err != nil || again != path {
		t.Fatalf("second call gave %q, %v", again, err)
	}
	if after, _ := os.Stat(path); !os.SameFile(before, after) {
		t.Error("the model was made twice")
	}
}

func TestCached_ReplacesAFileThatIsCutOff(t *testing.T) {
	t.Setenv(cachedir.Env, t.TempDir())
	path, err := Cached(Tiny, F16)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 100_000); err != nil {
		t.Fatal(err)
	}
	if _, err := Cached(Tiny, F16); err != nil {
		t.Fatal(err)
	}
	if _, err := gguf.Open(path); err != nil {
		t.Errorf("the file is still damaged: %v", err)
	}
}

func TestCacheName_DependsOnEverything(t *testing.T) {
	other := Tiny
	other.RopeBase++
	names := map[string]bool{cacheName(Tiny, F16): true, cacheName(Tiny, F32): true, cacheName(other, F16): true}
	if len(names) != 3 {
		t.Errorf("three models have the names %v", names)
	}
}

func TestParse_TakesNamesInAnyCase(t *testing.T) {
	for _, s := range Shapes() {
		if got, err := ParseShape(strings.ToUpper(s.Name)); err != nil || got != s {
			t.Errorf("ParseShape(%q) is %+v, %v", s.Name, got, err)
		}
	}
	for _, want := range Types() {
		if got, err := ParseType(strings.ToUpper(string(want))); err != nil || got != want {
			t.Errorf("ParseType(%q) is %q, %v", want, got, err)
		}
	}
	if _, err := ParseShape("huge"); err == nil || !strings.Contains(err.Error(), "smollm2-135m") {
		t.Errorf("error for an unknown shape is %v, want one that lists them", err)
	}
	if _, err := ParseType("q9"); err == nil || !strings.Contains(err.Error(), "q4_k") {
		t.Errorf("error for an unknown type is %v, want one that lists them", err)
	}
}

// spreadOf returns mean and standard deviation.
func spreadOf(list []float64) (mean, spread float64) {
	for _, x := range list {
		mean += x / float64(len(list))
	}
	for _, x := range list {
		spread += (x - mean) * (x - mean) / float64(len(list))
	}
	return mean, math.Sqrt(spread)
}

func TestFillers_MakeWeightsOfTheSpreadAskedFor(t *testing.T) {
	const n, want = 256 * 400, 0.04
	for _, kind := range Types() {
		spec, err := kind.spec()
		if err != nil {
			t.Fatal(err)
		}
		raw := spec.fill(nil, n, want, newSource("spread"))
		block, size, _ := spec.tensor.Block()
		if len(raw) != n/int(block)*int(size) {
			t.Errorf("%s: %d weights take %d bytes", kind, n, len(raw))
		}
		mean, spread := spreadOf(decode(kind, raw))
		if math.Abs(mean) > want/50 || math.Abs(spread/want-1) > 0.05 {
			t.Errorf("%s: mean %.5f and spread %.5f, want 0 and %v", kind, mean, spread, want)
		}
	}
}
