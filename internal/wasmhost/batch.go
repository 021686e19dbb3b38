package wasmhost

import "github.com/kvasir-cache/kvasir/hostapi"

const (
	// batchBytes is how many bytes of texts go into one frame, unless one text alone has more. It keeps
	// the buffers of guests small.
	batchBytes = 4 << 20
	// featuresBatch is how many texts share the steps of a lookup.
	featuresBatch = 64
)

// head returns how many of texts fit into one frame: at least one.
func head(texts []string, limit int) int {
	bytes := 0
	for i, t := range texts {
		bytes += len(t)
		if i == limit || i > 0 && bytes > batchBytes {
			return i
		}
	}
	return len(texts)
}

// scoreAll asks for scores in as many frames as it takes.
func scoreAll(g guest, query string, candidates []string) ([]float32, error) {
	if len(candidates) == 0 {
		return nil, nil
	}
	n := head(candidates, hostapi.MaxCandidates)
	scores, err := g.score(query, candidates[:n])
	for err == nil && n < len(candidates) {
		candidates = candidates[n:]
		n = head(candidates, hostapi.MaxCandidates)
		var more []float32
		more, err = g.score(query, candidates[:n])
		scores = append(scores, more...)
	}
	return scores, err
}

func featuresAll(g guest, texts []string) ([][]uint64, error) {
	if len(texts) == 0 {
		return nil, nil
	}
	n := head(texts, featuresBatch)
	sets, err := g.features(texts[:n])
	for err == nil && n < len(texts) {
		texts = texts[n:]
		n = head(texts, featuresBatch)
		var more [][]uint64
		more, err = g.features(texts[:n])
		sets = append(sets, more...)
	}
	return sets, err
}
