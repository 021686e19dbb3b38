package script

import (
	"context"
	"errors"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/kvasir-cache/kvasir/hostapi"
)

// Whatever a file says, loading and calling it gives a result or an error of the contract, in time and
// with little memory.
func FuzzLoad(f *testing.F) {
	f.Add(everyRole)
	f.Add(benchHooks)
	f.Add(readAll + "def on_miss(ev): return read(ev)\n")
	for _, body := range bombs {
		f.Add("def normalize(text):\n    " + body + "\n    return text\n")
	}
	for _, role := range hostapi.Roles() {
		f.Add(defOf(role, "x = [(a, b) for a, b in {'k': 1, 2: -3.5}.items() if not a or b][::-1]\n    return x[0:1] + [lambda y=1, *z, **k: y] if x else {1: x}[1]"))
	}
	f.Fuzz(func(t *testing.T, source string) {
		limits := hostapi.Limits{Steps: 3000, MemoryBytes: 1 << 20}
		before, begun := allocated(), time.Now()
		p, err := Load(context.Background(), Options{Source: source, Name: "fuzz", Limits: limits, Config: []byte(`{"ttl": 1}`)})
		if err != nil {
			if !errors.Is(err, hostapi.ErrLoad) {
				t.Fatalf("got %v, want ErrLoad", err)
			}
			return
		}
		for _, role := range p.Manifest().Roles {
			if err := callRole(p, role); err != nil && !isOfContract(err) {
				t.Fatalf("%s: got %v, want an error of the contract", role, err)
			}
		}
		if taken := time.Since(begun); taken > 5*time.Second {
			t.Fatalf("took %v", taken)
		}
		if bytes := allocated() - before; bytes > 64<<20 {
			t.Fatalf("allocated %d bytes", bytes)
		}
	})
}

func isOfContract(err error) bool {
	for _, kind := range []error{hostapi.ErrBudget, hostapi.ErrTrap, hostapi.ErrOutput, hostapi.ErrFailed} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

// FuzzNormalize gives arbitrary text to a function that uses most of what there is for texts.
func FuzzNormalize(f *testing.F) {
	p := mustLoad(f, `
def normalize(text):
    words = text_fold(text, nfkc=True, case=True, space=True).split(" ")
    kept = [w.strip(".,!?'\"") for w in words if len(w) > 1 and not w.isdigit()]
    counts = {}
    for w in kept:
        counts[w] = counts.get(w, 0) + 1
    text = " ".join(sorted(counts.keys())) + "%s/%d" % (text[:0], len(text))
    return text.replace("colour", "color").format() if "{" not in text and "}" not in text else text
`)
	f.Add("What is the  Colour of a Kiwi's skin? {0} %s 5")
	f.Add("\xff\x00 ﷺ é")
	f.Fuzz(func(t *testing.T, text string) {
		normal, err := p.Normalize(context.Background(), text)
		if taken := len(text) <= hostapi.MaxText && utf8.ValidString(text); err != nil && !isOfContract(err) && taken {
			t.Fatalf("%q: %v", text, err)
		}
		var script *hostapi.Error
		if errors.As(err, &script) && script.Wall {
			return // the machine was busy
		}
		again, err2 := p.Normalize(context.Background(), text)
		if normal != again || (err == nil) != (err2 == nil) {
			t.Fatalf("%q: first %q, %v, then %q, %v", text, normal, err, again, err2)
		}
	})
}
