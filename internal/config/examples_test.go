package config

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

const examples = "../../examples/"

func example(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(examples + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func exampleConfig(t *testing.T, name string) *Config {
	t.Helper()
	c, err := Load(examples + name)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// The unit gives the server the folders that its configuration names, and time for all requests under way.
func TestExamples_TheUnitFitsItsConfiguration(t *testing.T) {
	c, unit := exampleConfig(t, "systemd/cache.toml"), example(t, "systemd/kvasir.service")
	for _, path := range []string{c.Cache.File, c.Host.Model} {
		if filepath.Dir(path) != "/var/lib/kvasir" {
			t.Errorf("%s is not in the state folder of the unit", path)
		}
	}
	for _, want := range []string{"StateDirectory=kvasir\n", "CacheDirectory=kvasir\n", "KVASIR_CACHE_DIR=/var/cache/kvasir\n", "serve --config /etc/kvasir/cache.toml\n"} {
		if !strings.Contains(unit, want) {
			t.Errorf("the unit has no %q", want)
		}
	}
	stop := regexp.MustCompile(`(?m)^TimeoutStopSec=(\d+)$`).FindStringSubmatch(unit)
	if len(stop) != 2 {
		t.Fatal("the unit does not say how long a stop may take")
	}
	if patience, err := time.ParseDuration(stop[1] + "s"); err != nil || patience < c.Server.Drain+5*time.Second {
		t.Errorf("the unit waits %v (%v), and requests may go on for %v", patience, err, c.Server.Drain)
	}
}

// The container has what its configuration names, and a key that has to be put in before anybody is answered.
func TestExamples_TheContainerFitsItsConfiguration(t *testing.T) {
	c, file := exampleConfig(t, "container/cache.toml"), example(t, "container/Containerfile")
	if filepath.Dir(c.Cache.File) != "/data" || !strings.Contains(file, "\nVOLUME /data\n") || !strings.Contains(file, "KVASIR_CACHE_DIR=/data/") {
		t.Errorf("the store is at %s", c.Cache.File)
	}
	if len(c.Tenants) != 1 || !strings.HasSuffix(c.Server.Listen, ":8080") || !strings.Contains(file, "\nEXPOSE 8080\n") {
		t.Errorf("%d tenants at %s", len(c.Tenants), c.Server.Listen)
	}
	for _, line := range regexp.MustCompile(`(?m)^COPY (\S.*) \S+$`).FindAllStringSubmatch(file, -1) {
		for _, path := range strings.Fields(line[1]) {
			if _, err := os.Stat("../../" + path); err != nil && !strings.Contains(line[1], "--from=build") {
				t.Errorf("the tree has no %s: %v", path, err)
			}
		}
	}
}

// The container's build installs every tool that scripts/deps asks for, so that nothing is missing in its middle.
func TestExamples_TheContainerHasTheToolsOfTheBuild(t *testing.T) {
	build, _, _ := strings.Cut(example(t, "container/Containerfile"), "\nFROM debian:trixie-slim\n")
	installed := strings.Fields(build)
	tools := regexp.MustCompile(`(?m)^tools=\((.*)\)$`).FindStringSubmatch(example(t, "../scripts/deps"))
	if len(tools) != 2 {
		t.Fatal("scripts/deps names no tools")
	}
	base := []string{"g++", "gcc", "make", "util-linux"} // of build-essential, and of every Debian
	for _, tool := range strings.Fields(tools[1]) {
		_, name, _ := strings.Cut(tool, ":")
		if !slices.Contains(installed, name) && !slices.Contains(base, name) {
			t.Errorf("the container's build does not install %s", name)
		}
	}
	if !slices.Contains(installed, "build-essential") || !slices.Contains(installed, "golang-go") {
		t.Error("the container's build installs no compilers")
	}
}
