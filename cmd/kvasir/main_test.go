package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/kvasir-cache/kvasir/internal/atlas"
	"github.com/kvasir-cache/kvasir/internal/setup"
)

// asKvasir makes the test binary be kvasir.
const asKvasir = "KVASIR_TEST_AS_KVASIR"

func TestMain(m *testing.M) {
	if os.Getenv(asKvasir) != "" {
		main()
	}
	os.Unsetenv("OMP_WAIT_POLICY") // the host is to start as it does for users
	testscript.Main(m, map[string]func(){"kvasir": main})
}

// TestCommandLine runs the stories that need no model.
func TestCommandLine(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata/plain", Setup: prepare})
}

// prepare gives every story a cache folder of its own, and the host under test.
func prepare(env *testscript.Env) error {
	env.Setenv("KVASIR_CACHE_DIR", env.WorkDir+"/cache")
	env.Setenv(setup.HostEnv, os.Getenv(setup.HostEnv))
	examples, err := filepath.Abs("../../examples/plugins")
	if err != nil {
		return err
	}
	env.Setenv("EXAMPLES", examples)
	env.Setenv("ATLAS", "atlas-1m-"+atlas.SHA256[:12]+".gguf")
	return nil
}
