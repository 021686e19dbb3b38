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
	"generated":           {served: 0.001, kept: 0.85},
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

// TestGuard_NeighbouringWords takes words that are one edit apart from a dictionary and asks the same about both.
func TestGuard_NeighbouringWords(t *testing.T) {
	g := newGuest(t)
	words := dictionary(t)
	pairs := 0
	for w := range words {
		for i := 1; i < len(w); i++ {
			other := w[:i] + w[i+1:]
			if len(w) < 5 || !words[other] {
				continue
			}
			pairs++
			for _, d := range g.explain("Tell me where the "+w+" was found in 1920", "Tell me where the "+other+" was found in 1920").Differences {
				if d.Type == "misspelling" {
					t.Errorf("%q is taken for a misspelling of %q", other, w)
				}
			}
		}
	}
	t.Logf("%d pairs", pairs)
}

func dictionary(t *testing.T) map[string]bool {
	f, err := os.Open("/usr/share/dict/words")
	if err != nil {
		t.Skipf("no dictionary: %v; install wamerican", err)
	}
	defer f.Close()
	words := map[string]bool{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		words[strings.TrimSuffix(lines.Text(), "'s")] = true
	}
	return words
}
