package hostapi_test

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"testing"
	"unicode/utf8"

	"github.com/kvasir-cache/kvasir/hostapi"
)

// refused checks an error of a decoder: all are about the plugin, and none is empty.
func refused(t *testing.T, input []byte, err error) {
	t.Helper()
	if !errors.Is(err, hostapi.ErrOutput) {
		t.Fatalf("%x: got error %v, want ErrOutput", input, err)
	}
}

// same checks that what was decoded encodes to the bytes it came from.
func same(t *testing.T, input, again []byte) {
	t.Helper()
	if !bytes.Equal(input, again) {
		t.Fatalf("%x decodes, but encodes to %x", input, again)
	}
}

func FuzzDecodeScoreFrame(f *testing.F) {
	f.Add(frameOf(f, "score_in"))
	f.Add(hostapi.AppendScoreFrame(nil, "", nil))
	f.Fuzz(func(t *testing.T, frame []byte) {
		query, candidates, err := hostapi.DecodeScoreFrame(frame)
		if err != nil {
			refused(t, frame, err)
			return
		}
		same(t, frame, hostapi.AppendScoreFrame(nil, query, candidates))
		for _, text := range append(candidates, query) {
			if !utf8.ValidString(text) {
				t.Fatalf("%x: %q is not valid UTF-8", frame, text)
			}
		}
	})
}

func FuzzDecodeFeaturesFrame(f *testing.F) {
	f.Add(frameOf(f, "features_in"))
	f.Fuzz(func(t *testing.T, frame []byte) {
		texts, err := hostapi.DecodeFeaturesFrame(frame)
		if err != nil {
			refused(t, frame, err)
			return
		}
		same(t, frame, hostapi.AppendFeaturesFrame(nil, texts))
	})
}

func FuzzDecodeScores(f *testing.F) {
	f.Add(frameOf(f, "score_out"), 2)
	f.Add(hostapi.AppendScores(nil, []float32{float32(math.NaN())}), 1)
	f.Add(hostapi.AppendScores(nil, []float32{float32(math.Copysign(0, -1))}), 1)
	f.Fuzz(func(t *testing.T, out []byte, n int) {
		if n < 0 || n > hostapi.MaxCandidates {
			return
		}
		scores, err := hostapi.DecodeScores(out, n)
		if err != nil {
			refused(t, out, err)
			return
		}
		same(t, out, hostapi.AppendScores(nil, scores))
		for _, s := range scores {
			if math.IsNaN(float64(s)) || s < 0 || s > 1 {
				t.Fatalf("%x decodes to a score of %v", out, s)
			}
		}
	})
}

func FuzzDecodeFeatures(f *testing.F) {
	f.Add(frameOf(f, "features_out"), 2)
	f.Add(hostapi.AppendFeatures(nil, [][]uint64{{1, 2, 3}}), 1)
	f.Fuzz(func(t *testing.T, out []byte, n int) {
		if n < 0 || n > hostapi.MaxCandidates {
			return
		}
		sets, err := hostapi.DecodeFeatures(out, n)
		if err != nil {
			refused(t, out, err)
			return
		}
		same(t, out, hostapi.AppendFeatures(nil, sets))
		if err := hostapi.CheckFeatures(sets, n); err != nil {
			t.Fatalf("%x decodes to %v: %v", out, sets, err)
		}
	})
}

func FuzzDecodeDecision(f *testing.F) {
	for i, hook := range hostapi.Hooks() {
		f.Add(i, example(f, "decision_"+string(hook)+".json"))
	}
	f.Fuzz(func(t *testing.T, hook int, said []byte) {
		hooks := hostapi.Hooks()
		role := hooks[uint(hook)%uint(len(hooks))]
		d, err := hostapi.DecodeDecision(role, said)
		if err != nil {
			refused(t, said, err)
			return
		}
		if d == nil {
			return
		}
		again, err := hostapi.DecodeDecision(role, []byte(show(d)))
		if err != nil || show(again) != show(d) {
			t.Fatalf("%s: %q decodes to %s, and that to %s, %v", role, said, show(d), show(again), err)
		}
		if merged := hostapi.Merge(d, d); merged.Check(role) != nil {
			t.Fatalf("%s: %s twice is %s: %v", role, show(d), show(merged), merged.Check(role))
		}
	})
}

func FuzzDecodeManifest(f *testing.F) {
	for _, name := range examplesOf(f, "manifest_") {
		f.Add(example(f, name))
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := hostapi.DecodeManifest(text, hostapi.Roles())
		if err != nil {
			refused(t, text, err)
			return
		}
		again, err := hostapi.DecodeManifest([]byte(show(m)), hostapi.Roles())
		if err != nil || !reflect.DeepEqual(again, m) {
			t.Fatalf("%q decodes to %s, and that to %s, %v", text, show(m), show(again), err)
		}
	})
}

func FuzzDecodeExplanation(f *testing.F) {
	for _, name := range examplesOf(f, "explanation_") {
		f.Add(example(f, name))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		e, err := hostapi.DecodeExplanation(text)
		if err != nil {
			refused(t, text, err)
			return
		}
		again, err := hostapi.DecodeExplanation([]byte(show(e)))
		if err != nil || show(again) != show(e) {
			t.Fatalf("%q decodes to %s, and that to %s, %v", text, show(e), show(again), err)
		}
	})
}
