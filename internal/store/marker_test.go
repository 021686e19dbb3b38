package store

import (
	"context"
	"math/rand/v2"
	"testing"
)

// The power goes at any moment of an opening, and of what was not synced the disk keeps any part, names of a folder in any
// order. No order may keep the marker of a manifest and lose the manifest.
func TestPowerCut_KeepsNoMarkerWithoutItsManifest(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for n, done := int64(0), false; !done; n++ {
		disk := NewFakeDisk()
		s := mustOpen(t, Options{Dir: "db", Disk: disk})
		must(t, s.Apply(Set([]byte("e1"), []byte("one"))).Wait(context.Background()))
		must(t, s.Close())
		var cuts []*FakeDisk
		done = true
		disk.Before(n, func() {
			done = false
			for range 6 {
				cuts = append(cuts, disk.Crash(50, random))
			}
		})
		s = mustOpen(t, Options{Dir: "db", Disk: disk})
		for _, cut := range cuts {
			again, err := Open(Options{Dir: "db", Disk: cut})
			if err != nil {
				t.Fatalf("before write %d of an opening: %v", n, err)
			}
			wantValue(t, again, "e1", "one")
			must(t, again.Close())
		}
		must(t, s.Close())
		if n > 200 {
			t.Fatal("an opening does not end")
		}
	}
}
