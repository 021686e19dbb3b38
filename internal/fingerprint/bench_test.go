package fingerprint

import (
	"testing"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// BenchmarkKeys is what every lookup pays before the store is asked.
func BenchmarkKeys(b *testing.B) {
	short := &base.Request{Messages: user("What is the capital of Niger?")}
	for _, c := range []struct {
		name string
		r    *base.Request
	}{{"short", short}, {"every field", drawn()}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				canonical, err := Canonicalize(c.r)
				if err != nil {
					b.Fatal(err)
				}
				ExactKey(Salt{1}, Namespace(Salt{1}, ID{2}, canonical), canonical.Subject)
			}
		})
	}
}
