package cachedir

import (
	"os"
	"path/filepath"
	"testing"
)

func TestPath(t *testing.T) {
	t.Setenv(Env, "/somewhere")
	if got, err := Path("models", "x"); err != nil || got != "/somewhere/models/x" {
		t.Errorf("with %s set: %q, %v", Env, got, err)
	}
	t.Setenv(Env, "")
	user, err := os.UserCacheDir()
	if err != nil {
		t.Skip("this system has no cache folder")
	}
	if got, err := Path("models"); err != nil || got != filepath.Join(user, "kvasir", "models") {
		t.Errorf("without: %q, %v", got, err)
	}
}
