package difference_test

import (
	"bufio"
	"hash/fnv"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Limits of the development sets: the share of different pairs that may be served, and of same pairs to be kept.
var setLimits = map[string]struct{ served, kept float64 }{
	"generated":           {served: 0.001, kept: 0.90},
	"normalization_traps": {},
	"math_gsmplus":        {},
	"long_context":        {},
	"boolq_contrast":      {},
	"p3_template":         {},
	"checklist_qqp":       {served: 0.003},
}

// sharedSets finds the labelled pairs, which are not part of the repository.
func sharedSets(t *testing.T) string {
	shared := os.Getenv("KVASIR_SHARED")
	if shared == "" {
		shared = "../../../../shared"
	}
	folder := filepath.Join(shared, "data", "pairs")
	if _, err := os.Stat(folder); err != nil {
		t.Skipf("no labelled pairs: %v; set KVASIR_SHARED to the folder that holds data/pairs", err)
	}
	return folder
}

type tally struct{ same, kept, different, served int }

// TestGuard_Sets also prints what the limits do not judge. "odd" is the half of the texts by a hash.
func TestGuard_Sets(t *testing.T) {
	folder := sharedSets(t)
	g := newGuest(t)
	for name, limit := range setLimits {
		halves := g.measure(filepath.Join(folder, name+".tsv"))
		for half, n := range halves {
			t.Logf("%s/%d: %d of %d different pairs served, %d of %d same pairs kept", name, half, n.served, n.different, n.kept, n.same)
		}
		all := tally{halves[0].same + halves[1].same, halves[0].kept + halves[1].kept, halves[0].different + halves[1].different, halves[0].served + halves[1].served}
		if float64(all.served) > limit.served*float64(all.different) || float64(all.kept) < limit.kept*float64(all.same) {
			t.Errorf("%s: %+v, want at most %v of different pairs served and at least %v of same pairs kept", name, all, limit.served, limit.kept)
		}
	}
}

func (g *guest) measure(name string) (halves [2]tally) {
	g.t.Helper()
	f, err := os.Open(name)
	if err != nil {
		g.t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if row := strings.Split(lines.Text(), "\t"); len(row) == 4 && row[2] != "label" {
			h := fnv.New32a()
			h.Write([]byte(row[0]))
			halves[h.Sum32()&1].add(row[2] == "1", g.same(unescape(row[0]), unescape(row[1])))
		}
	}
	return halves
}

func (n *tally) add(same, served bool) {
	switch {
	case same && served:
		n.same, n.kept = n.same+1, n.kept+1
	case same:
		n.same++
	case served:
		n.different, n.served = n.different+1, n.served+1
	default:
		n.different++
	}
}

var unescape = strings.NewReplacer(`\n`, "\n", `\r`, "\r", `\t`, "\t", `\\`, `\`).Replace

// TestGuard_NeighbouringWords asks the same about all words of a dictionary that are one edit apart: none of them may
// be taken for a misspelling of another. Spellings of one word, such as colour and color, may serve each other.
func TestGuard_NeighbouringWords(t *testing.T) {
	g := newGuest(t)
	words := dictionary(t)
	sentences := []string{"Tell me where the % was found in 1920", "% and the harbour: how do they differ in a storm?", "who paid for the old % by the river"}
	pairs := 0
	for w, others := range neighbours(words) {
		g.keepsApart(sentences[pairs%len(sentences)], w, others)
		pairs += len(others)
	}
	t.Logf("%d words, %d pairs", len(words), pairs)
	if pairs < len(words)/2 {
		t.Errorf("%d pairs among %d words, want more", pairs, len(words))
	}
}

func (g *guest) keepsApart(sentence, word string, others []string) {
	g.t.Helper()
	query := strings.Replace(sentence, "%", word, 1)
	var candidates []string
	for _, other := range others {
		candidates = append(candidates, strings.Replace(sentence, "%", other, 1))
	}
	for i, score := range g.score(query, candidates...) {
		if score == 0 {
			continue
		}
		for _, d := range g.explain(query, candidates[i]).Differences {
			if d.Type == "misspelling" {
				g.t.Errorf("%q is taken for a misspelling of %q in %q", others[i], word, sentence)
			}
		}
	}
}

// neighbours lists for each word those that one letter more, less or other, or two letters in turn, lead to. Of a pair
// of the same length each has the other; of others the longer has the shorter.
func neighbours(words map[string]bool) map[string][]string {
	holes := map[string][]string{} // a word with a hole in place of one letter
	near := map[string][]string{}
	for w := range words {
		for i := range len(w) {
			hole := w[:i] + "\x00" + w[i+1:]
			holes[hole] = append(holes[hole], w)
			near[w] = addWord(near[w], words, w[:i]+w[i+1:])
			if i > 0 && w[i] != w[i-1] {
				near[w] = addWord(near[w], words, w[:i-1]+w[i:i+1]+w[i-1:i]+w[i+1:])
			}
		}
	}
	for _, group := range holes {
		for i, w := range group {
			near[w] = append(near[w], group[i+1:]...)
		}
	}
	return near
}

func addWord(list []string, words map[string]bool, w string) []string {
	if words[w] {
		return append(list, w)
	}
	return list
}

// dictionary has the words of /usr/share/dict/words, and of the file that KVASIR_DICTIONARY names instead.
func dictionary(t *testing.T) map[string]bool {
	name := os.Getenv("KVASIR_DICTIONARY")
	if name == "" {
		name = "/usr/share/dict/words"
	}
	f, err := os.Open(name)
	if err != nil {
		t.Skipf("no dictionary: %v; install wamerican", err)
	}
	defer f.Close()
	words := map[string]bool{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if w := strings.TrimSuffix(lines.Text(), "'s"); len(w) > 1 {
			words[w] = true
		}
	}
	return words
}
