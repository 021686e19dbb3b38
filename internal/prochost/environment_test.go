package prochost

import (
	"os/exec"
	"slices"
	"testing"
)

func TestWithhold_KeepsKeysFromEveryProcess(t *testing.T) {
	t.Setenv("KVASIR_TEST_SECRET", "secret")
	t.Setenv("KVASIR_TEST_OTHER", "other")
	Withhold("", "KVASIR_TEST_SECRET")
	r := newRunner(&program{path: "x", env: []string{"OWN=1"}})
	if _, err := r.prepare(nil, exec.Command("x"), ""); err != nil {
		t.Fatal(err)
	}
	env := r.mu.cmd.Env
	if slices.ContainsFunc(env, func(e string) bool { return e == "KVASIR_TEST_SECRET=secret" }) {
		t.Error("the process gets what is withheld")
	}
	for _, want := range []string{"KVASIR_TEST_OTHER=other", "OWN=1"} {
		if !slices.Contains(env, want) {
			t.Errorf("the process does not get %s", want)
		}
	}
}
