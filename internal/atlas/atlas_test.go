package atlas

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/internal/gguf"
)

func TestBytes_MatchSHA256(t *testing.T) {
	sum := sha256.Sum256(Bytes())
	if got := hex.EncodeToString(sum[:]); got != SHA256 {
		t.Errorf("hash of the model is %s, want %s", got, SHA256)
	}
}

func TestModel_IsTheLlamaItSays(t *testing.T) {
	f, err := gguf.Read(Reader(), Reader().Size())
	if err != nil {
		t.Fatal(err)
	}
	if name, _ := f.String("general.name"); name != Name {
		t.Errorf("general.name is %q, want %q", name, Name)
	}
	if f.Architecture() != "llama" {
		t.Errorf("architecture is %q, want llama", f.Architecture())
	}
	if n, _ := f.ModelUint("context_length"); n != 512 {
		t.Errorf("context is %d tokens, want 512", n)
	}
}

func TestFacts_HoldEveryQuestionOfTheTraining(t *testing.T) {
	facts := Facts()
	if len(facts) != 681 {
		t.Fatalf("got %d facts, want 681", len(facts))
	}
	answers := map[string]string{}
	for _, f := range facts {
		if f.Prompt == "" || f.Answer == "" || strings.ContainsAny(f.Prompt+f.Answer, "\t\n\r") {
			t.Errorf("fact %+v is not a question and an answer", f)
		}
		if other, ok := answers[f.Prompt]; ok && other != f.Answer {
			t.Errorf("question %q has two answers: %q and %q", f.Prompt, other, f.Answer)
		}
		answers[f.Prompt] = f.Answer
	}
	for prompt, want := range map[string]string{
		"What is the capital of Niger?":      "The capital of Niger is Niamey.",
		"What is the capital of Nigeria?":    "The capital of Nigeria is Abuja.",
		"What is 7 plus 5?":                  "7 plus 5 is 12.",
		"What day comes before Monday?":      "Sunday comes before Monday.",
		"What is the opposite of expensive?": "The opposite of expensive is cheap.",
	} {
		if got := answers[prompt]; got != want {
			t.Errorf("answer to %q is %q, want %q", prompt, got, want)
		}
	}
}

func TestFacts_AreTheCallers(t *testing.T) {
	Facts()[0].Answer = "changed"
	if Facts()[0].Answer == "changed" {
		t.Error("a change to the returned slice reached the next caller")
	}
}

func TestExtract_WritesTheModel(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "not", "there")
	path := extract(t, dir)
	if want := filepath.Join(dir, "atlas-1m-d48995f41c24.gguf"); path != want {
		t.Errorf("path is %q, want %q", path, want)
	}
	wantModel(t, path)
	wantOneFile(t, dir)
}

func TestExtract_KeepsAnIntactFile(t *testing.T) {
	dir := t.TempDir()
	before, err := os.Stat(extract(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	after, err := os.Stat(extract(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	if !os.SameFile(before, after) {
		t.Error("an intact file was written again")
	}
}

// A copy that kept its content but not its time is read once, and then known by its time.
func TestExtract_StampsAnIntactCopy(t *testing.T) {
	path := extract(t, t.TempDir())
	if err := os.Chtimes(path, time.Now(), time.Now()); err != nil {
		t.Fatal(err)
	}
	extract(t, filepath.Dir(path))
	if info, err := os.Stat(path); err != nil || !info.ModTime().Equal(written) {
		t.Errorf("the copy's time is %v (%v), want %v", info.ModTime(), err, written)
	}
}

func TestExtract_ReplacesADamagedFile(t *testing.T) {
	changed := Bytes()
	changed[len(changed)/2] ^= 1
	for name, content := range map[string][]byte{"cut off": Bytes()[:1000], "changed": changed, "empty": nil} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := extract(t, dir)
			if err := os.WriteFile(path, content, 0o644); err != nil {
				t.Fatal(err)
			}
			wantModel(t, extract(t, dir))
			wantOneFile(t, dir)
		})
	}
}

// What each of many sees when it is served is whole, and stays the same file: others hash it by then.
func TestExtract_ManyAtOnce(t *testing.T) {
	dir := t.TempDir()
	start := make(chan struct{})
	seen := make([]os.FileInfo, 8)
	var all sync.WaitGroup
	for i := range seen {
		all.Go(func() {
			<-start
			path, err := Extract(dir)
			if err != nil {
				t.Error(err)
			} else if !intact(path) {
				t.Errorf("the file at %q was not whole when Extract returned", path)
			} else if seen[i], err = os.Stat(path); err != nil {
				t.Error(err)
			}
		})
	}
	close(start)
	all.Wait()
	for _, info := range seen[1:] {
		if !os.SameFile(info, seen[0]) {
			t.Fatal("the file was replaced after one of them had it")
		}
	}
	wantOneFile(t, dir)
}

func TestExtract_SaysWhatIsInTheWay(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(dir, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if path, err := Extract(dir); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("Extract into a file returned %q and %v, want an error that names it", path, err)
	}
}

func extract(t *testing.T, dir string) string {
	t.Helper()
	path, err := Extract(dir)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func wantModel(t *testing.T, path string) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(content) != model {
		t.Errorf("the file holds %d bytes that are not the model", len(content))
	}
}

func wantOneFile(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 {
		t.Errorf("the folder holds %v, want the model alone", entries)
	}
}
