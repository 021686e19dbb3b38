package hostapi_test

import (
	"strings"
	"testing"

	"github.com/kvasir-cache/kvasir/hostapi"
	"pgregory.net/rapid"
)

func TestPack_IsAsDrawn(t *testing.T) {
	for _, c := range []struct {
		name string
		got  uint64
		want uint64
	}{
		{"nothing", hostapi.Pack(0, 0), 0},
		{"17 bytes at 4096", hostapi.Pack(4096, 17), 0x0000_1000_0000_0011},
		{"the last byte of the largest memory", hostapi.Pack(hostapi.MaxMemory-1, 1), 0x3fff_ffff_0000_0001},
		{"error 0", hostapi.PackError(0), 0x8000_0000_0000_0000},
		{"error 7", hostapi.PackError(7), 0x8000_0000_0000_0007},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %#016x, want %#016x", c.name, c.got, c.want)
		}
	}
}

func TestUnpack_GivesBackWhatWasPacked(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ptr := rapid.Uint32Max(hostapi.MaxMemory).Draw(t, "ptr")
		length := rapid.Uint32Max(hostapi.MaxMemory).Draw(t, "length")
		p, n, code, failed := hostapi.Unpack(hostapi.Pack(ptr, length))
		if p != ptr || n != length || code != 0 || failed {
			t.Fatalf("%d bytes at %d come back as %d at %d, code %d, failed %v", length, ptr, n, p, code, failed)
		}
		code = rapid.Uint32().Draw(t, "code")
		if p, n, got, failed := hostapi.Unpack(hostapi.PackError(code)); p != 0 || n != 0 || got != code || !failed {
			t.Fatalf("error %d comes back as %d bytes at %d, code %d, failed %v", code, n, p, got, failed)
		}
	})
}

func TestCheckVersion_TakesTheSameMajorAndNoHigherMinor(t *testing.T) {
	for _, c := range []struct {
		version uint32
		problem string // "" means accepted
	}{
		{hostapi.Version, ""},
		{hostapi.Major << 16, ""},
		{hostapi.Version + 1, "it needs version 1.1"},
		{(hostapi.Major + 1) << 16, "it is built for version 2.0"},
		{0, "it is built for version 0.0"},
		{1, "it is built for version 0.1"}, // 1 instead of 1<<16
		{0xffff_ffff, "it is built for version 65535.65535"},
	} {
		err := hostapi.CheckVersion(c.version)
		switch {
		case c.problem == "" && err != nil:
			t.Errorf("%#x: got error %v, want none", c.version, err)
		case c.problem != "" && (err == nil || !strings.HasPrefix(err.Error(), c.problem)):
			t.Errorf("%#x: got error %v, want %q", c.version, err, c.problem)
		}
	}
}

func TestRole_TellsExportPurityAndHooks(t *testing.T) {
	want := map[hostapi.Role]string{
		"normalize": "kvasir_normalize pure", "features": "kvasir_features pure", "score": "kvasir_score pure",
		"on_lookup": "kvasir_on_lookup hook", "on_hit": "kvasir_on_hit hook", "on_miss": "kvasir_on_miss hook",
		"on_store": "kvasir_on_store hook", "on_evict": "kvasir_on_evict hook",
	}
	for _, r := range hostapi.Roles() {
		got := r.Export()
		if r.IsPure() {
			got += " pure"
		}
		if r.IsHook() {
			got += " hook"
		}
		if got != want[r] {
			t.Errorf("role %q: got %q, want %q", r, got, want[r])
		}
		delete(want, r)
	}
	if len(want) > 0 {
		t.Errorf("Roles lacks %v", want)
	}
	for _, r := range hostapi.Hooks() {
		if !r.IsHook() {
			t.Errorf("Hooks has %q, which is none", r)
		}
	}
	if n := len(hostapi.Hooks()); n != 5 {
		t.Errorf("Hooks has %d roles, want 5", n)
	}
}

// A guest's bytes could otherwise not be told from an error.
func TestMaxMemory_LeavesTheErrorBitAlone(t *testing.T) {
	if hostapi.Pack(hostapi.MaxMemory, 0) >= hostapi.PackError(0) {
		t.Errorf("a pointer to %d sets the bit of errors", hostapi.MaxMemory)
	}
}
