package config

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write testdata/*.err anew")

// Every testdata/NAME.toml is checked, and what Check says stands in NAME.err.
func TestCheck_SaysWhatIsWrong(t *testing.T) {
	t.Chdir("testdata")
	files, err := filepath.Glob("*.toml")
	if err != nil || len(files) == 0 {
		t.Fatalf("found %d files: %v", len(files), err)
	}
	for _, file := range files {
		t.Run(file, func(t *testing.T) {
			err := Check(file)
			if err == nil {
				t.Fatal("no problem was found")
			}
			got, golden := err.Error()+"\n", strings.TrimSuffix(file, ".toml")+".err"
			if *rewrite {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil || got != string(want) {
				t.Errorf("got\n%s\nwant (%v)\n%s", got, err, want)
			}
		})
	}
}
