package lint

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A file that names the folder the tree lies in, or the home of whoever wrote it, works on one
// machine only.
func TestTree_NoFileNamesThisMachine(t *testing.T) {
	if _, err := os.Stat(filepath.Join(root, ".git")); err != nil {
		t.Skip("not a git checkout: no list of files")
	}
	private := []string{output(t, "go", "list", "-m", "-f", "{{.Dir}}", module)}
	if home, err := os.UserHomeDir(); err == nil && home != "/" {
		private = append(private, home+"/")
	}
	files := output(t, "git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	for _, name := range strings.Split(strings.Trim(files, "\x00"), "\x00") {
		content, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			continue // deleted, and not committed yet
		}
		for _, path := range private {
			if bytes.Contains(content, []byte(path)) {
				t.Errorf("%s contains %q", name, path)
			}
		}
	}
}

func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		t.Fatalf("%s %q: %v", name, args, err)
	}
	return strings.TrimSpace(string(out))
}

// A word in capitals between at signs holds the place of a figure that was never filled in.
func TestDocs_HaveNoPlaceholders(t *testing.T) {
	docs, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	placeholder := regexp.MustCompile(`@[A-Z]+@`)
	for _, name := range append(docs, filepath.Join(root, "README.md")) {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if found := placeholder.Find(content); found != nil {
			t.Errorf("%s still holds %s", name, found)
		}
	}
}
