package hostapi_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/kvasir-cache/kvasir/hostapi"
	"pgregory.net/rapid"
)

func TestFrames_AreAsDrawn(t *testing.T) {
	for _, c := range []struct {
		name string
		got  []byte
	}{
		{"score_in", hostapi.AppendScoreFrame(nil, "cat", []string{"cat", "cats"})},
		{"score_out", hostapi.AppendScores(nil, []float32{1, 0.5})},
		{"features_in", hostapi.AppendFeaturesFrame(nil, []string{"cat", "é"})},
		{"features_out", hostapi.AppendFeatures(nil, [][]uint64{{1, 256}, {}})},
	} {
		if want := frameOf(t, c.name); !bytes.Equal(c.got, want) {
			t.Errorf("%s:\n got %x\nwant %x", c.name, c.got, want)
		}
	}
}

func TestFrames_AppendToWhatIsThere(t *testing.T) {
	before := []byte("12345678")
	for name, got := range map[string][]byte{
		"score_in":     hostapi.AppendScoreFrame(before, "cat", []string{"cat", "cats"}),
		"score_out":    hostapi.AppendScores(before, []float32{1, 0.5}),
		"features_in":  hostapi.AppendFeaturesFrame(before, []string{"cat", "é"}),
		"features_out": hostapi.AppendFeatures(before, [][]uint64{{1, 256}, {}}),
	} {
		if want := append([]byte("12345678"), frameOf(t, name)...); !bytes.Equal(got, want) {
			t.Errorf("%s:\n got %x\nwant %x", name, got, want)
		}
	}
}

func TestDecoders_ReadTheDrawnBytes(t *testing.T) {
	query, candidates, err := hostapi.DecodeScoreFrame(frameOf(t, "score_in"))
	if err != nil || query != "cat" || !slices.Equal(candidates, []string{"cat", "cats"}) {
		t.Errorf("score_in: got %q, %q, %v", query, candidates, err)
	}
	scores, err := hostapi.DecodeScores(frameOf(t, "score_out"), 2)
	if err != nil || !slices.Equal(scores, []float32{1, 0.5}) {
		t.Errorf("score_out: got %v, %v", scores, err)
	}
	texts, err := hostapi.DecodeFeaturesFrame(frameOf(t, "features_in"))
	if err != nil || !slices.Equal(texts, []string{"cat", "é"}) {
		t.Errorf("features_in: got %q, %v", texts, err)
	}
	sets, err := hostapi.DecodeFeatures(frameOf(t, "features_out"), 2)
	if err != nil || !reflect.DeepEqual(sets, [][]uint64{{1, 256}, {}}) {
		t.Errorf("features_out: got %v, %v", sets, err)
	}
}

func texts() *rapid.Generator[[]string] { return rapid.SliceOfN(rapid.String(), 0, 9) }

func TestScoreFrame_RoundTrips(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		query, candidates := rapid.String().Draw(t, "query"), texts().Draw(t, "candidates")
		q, c, err := hostapi.DecodeScoreFrame(hostapi.AppendScoreFrame(nil, query, candidates))
		if err != nil || q != query || !slices.Equal(c, candidates) {
			t.Fatalf("got %q, %q, %v; want %q, %q", q, c, err, query, candidates)
		}
	})
}

func TestFeatures_RoundTrip(t *testing.T) {
	sets := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) []uint64 {
		set := rapid.SliceOfDistinct(rapid.Uint64(), rapid.ID).Draw(t, "set")
		slices.Sort(set)
		return set
	}), 0, 9)
	rapid.Check(t, func(t *rapid.T) {
		want := sets.Draw(t, "sets")
		got, err := hostapi.DecodeFeatures(hostapi.AppendFeatures(nil, want), len(want))
		if err != nil || !slices.EqualFunc(got, want, slices.Equal[[]uint64]) {
			t.Fatalf("got %v, %v; want %v", got, err, want)
		}
	})
}

// A decoded text stays what it is when the memory it came from is used again.
func TestDecoders_ShareNoMemoryWithTheFrame(t *testing.T) {
	frame := hostapi.AppendScoreFrame(nil, "query", []string{"candidate"})
	query, candidates, err := hostapi.DecodeScoreFrame(frame)
	if err != nil {
		t.Fatal(err)
	}
	clear(frame)
	if query != "query" || candidates[0] != "candidate" {
		t.Errorf("after the frame was cleared the texts are %q and %q", query, candidates[0])
	}
}

func TestDecoders_RefuseWhatIsNotDrawn(t *testing.T) {
	score := func(b []byte) error { _, _, err := hostapi.DecodeScoreFrame(b); return err }
	features := func(b []byte) error { _, err := hostapi.DecodeFeaturesFrame(b); return err }
	scores := func(n int) func([]byte) error {
		return func(b []byte) error { _, err := hostapi.DecodeScores(b, n); return err }
	}
	sets := func(n int) func([]byte) error {
		return func(b []byte) error { _, err := hostapi.DecodeFeatures(b, n); return err }
	}
	for _, c := range []struct {
		name   string
		decode func([]byte) error
		frame  string // hex; spaces are left out
		want   string
	}{
		{"empty", score, "", "n has 4 bytes, and 0 are left"},
		{"too many candidates", score, "01020000 00000000 00000000", "n is 513, at most 512 are allowed"},
		{"a flag", score, "00000000 01000000 00000000", "flags are 0x1, and none is known"},
		{"lengths cut off", score, "02000000 00000000 00000000 01000000", "length has 4 bytes, and 0 are left"},
		{"a text cut off", score, "00000000 00000000 02000000 61", "query has 2 bytes, and 1 are left"},
		{"a length past the end", score, "01000000 00000000 00000000 ffffffff", "text has 4294967295 bytes, and 0 are left"},
		{"something after the end", score, "00000000 00000000 00000000 61", "1 bytes follow its end"},
		{"no UTF-8", score, "00000000 00000000 01000000 ff", "query is not valid UTF-8"},
		{"half a character", features, "01000000 01000000 c3", "text is not valid UTF-8"},
		{"a character in two texts", features, "02000000 01000000 01000000 c3a9", "text is not valid UTF-8"},
		{"too few scores", scores(2), "0000803f", "4 bytes for 2 candidates, want 8"},
		{"too many scores", scores(0), "0000803f", "4 bytes for 0 candidates, want 0"},
		{"half a score", scores(1), "0000", "2 bytes for 1 candidates, want 4"},
		{"another number of sets", sets(1), "02000000", "there are 2 sets for 1 texts"},
		{"padding that is not zero", sets(0), "00000000 01000000", "the padding is not zero"},
		{"no padding", sets(0), "00000000", "padding has 4 bytes, and 0 are left"},
		{"a set that descends", sets(1), "01000000 02000000 0200000000000000 0100000000000000", "set 0 is not ascending, each number once"},
		{"a number twice", sets(1), "01000000 02000000 0100000000000000 0100000000000000", "set 0 is not ascending, each number once"},
		{"a set cut off", sets(1), "01000000 01000000 01000000", "set has 8 bytes, and 4 are left"},
		{"a set too large", sets(1), "01000000 01001000", "set 0 has 1048577 numbers, at most 1048576 are allowed"},
	} {
		frame, err := hex.DecodeString(strings.ReplaceAll(c.frame, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		err = c.decode(frame)
		if !errors.Is(err, hostapi.ErrOutput) || !strings.HasSuffix(err.Error(), c.want) {
			t.Errorf("%s: %x: got error %v, want %q", c.name, frame, err, c.want)
		}
	}
}

func TestCheckScores_TakesNumbersFrom0To1(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	negativeZero := float32(math.Copysign(0, -1))
	for _, good := range [][]float32{{}, {0, 1}, {0.5}, {negativeZero}} {
		if err := hostapi.CheckScores(good, len(good)); err != nil {
			t.Errorf("%v: got error %v, want none", good, err)
		}
	}
	for _, bad := range [][]float32{{nan}, {inf}, {-inf}, {0, 1.0000001}, {-1e-9}} {
		if err := hostapi.CheckScores(bad, len(bad)); !errors.Is(err, hostapi.ErrOutput) {
			t.Errorf("%v: got error %v, want ErrOutput", bad, err)
		}
	}
	if err := hostapi.CheckScores([]float32{1}, 2); !errors.Is(err, hostapi.ErrOutput) {
		t.Errorf("one score for two: got error %v, want ErrOutput", err)
	}
}

func TestCheckFeatures_TakesAscendingSets(t *testing.T) {
	if err := hostapi.CheckFeatures([][]uint64{nil, {0, 1, math.MaxUint64}}, 2); err != nil {
		t.Errorf("got error %v, want none", err)
	}
	for name, sets := range map[string][][]uint64{
		"one too few": {{1}},
		"descending":  {{1}, {2, 1}},
		"twice":       {{1}, {1, 1}},
	} {
		if err := hostapi.CheckFeatures(sets, 2); !errors.Is(err, hostapi.ErrOutput) {
			t.Errorf("%s: got error %v, want ErrOutput", name, err)
		}
	}
}
