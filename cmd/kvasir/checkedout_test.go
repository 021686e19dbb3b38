package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// fullDisk is a writer to a disk without space.
type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

func TestRun_FailsWhereItsOutputGoesNowhere(t *testing.T) {
	export := `{"kvasir":"export","version":1}` + "\n" + `{"end":true,"entries":0}` + "\n"
	store := "--cache-file=" + filepath.Join(t.TempDir(), "store.db")
	for _, args := range [][]string{
		{"import", "-", store}, {"stats", store}, {"stats", "--history", store}, {"check", store}, {"compact", store}, {"stats", "--json", store},
		{"config", "show"}, {"version"}, {"help"}, {"completion", "bash"},
	} {
		var out, stderr bytes.Buffer
		if code := run(args, strings.NewReader(export), &out, &stderr); code != 0 {
			t.Errorf("%v: exit code %d, %s", args, code, &stderr)
		}
		stderr.Reset()
		code := run(args, strings.NewReader(export), fullDisk{}, &stderr)
		if said := stderr.String(); code != exitFailure || strings.Count(said, "no space left on device") != 1 {
			t.Errorf("%v to a full disk: exit code %d, want %d and to hear of it once:\n%s", args, code, exitFailure, said)
		}
	}
}
