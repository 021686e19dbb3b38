package config

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// hashOf is some SHA-256.
func hashOf(digit string) string { return strings.Repeat(digit, 64) }

// The list of tenants is empty by default, so cache.toml has one in a comment.
func TestLoad_ShippedFileShowsATenant(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, FileName))
	if err != nil {
		t.Fatal(err)
	}
	before, example, found := strings.Cut(string(text), "# [tenant.acme]\n")
	if !found {
		t.Fatal("cache.toml has no example of [tenant.NAME]")
	}
	path := write(t, before+"[tenant.acme]"+strings.ReplaceAll("\n"+example, "\n# ", "\n"))
	c, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := Check(path); err != nil {
		t.Error(err)
	}
	want := defaultTenant()
	want.KeySHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
	if got := c.Tenants["acme"]; !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v: what the example does not need has to be the default", got, want)
	}
	for _, s := range c.Explain() {
		if s.Source == "default" {
			t.Errorf("the example does not say %s", s.Key)
		}
	}
}

func TestExamples_AreInOrder(t *testing.T) {
	if err := Check(filepath.Join(root, "examples", "systemd", FileName)); err != nil {
		t.Error(err)
	}
}

func TestServer_ListensToOthersOnlyWithKeys(t *testing.T) {
	for address, loopback := range map[string]bool{
		"127.0.0.1:8080": true, "127.9.9.9:1": true, "[::1]:80": true, "localhost:0": true, "LocalHost:65535": true,
		":8080": false, "0.0.0.0:80": false, "[::]:80": false, "192.168.1.2:80": false, "kvasir.example:80": false, "127.0.0.1.example:80": false,
	} {
		alone := load1(t, "server.listen = \""+address+"\"").Validate()
		if (alone == nil) != loopback {
			t.Errorf("%s without a tenant: %v", address, alone)
		}
		if alone != nil && !strings.Contains(alone.Error(), "[tenant.NAME] with a key") {
			t.Errorf("%s: the error does not say what to do: %v", address, alone)
		}
		c := load1(t, "server.listen = \""+address+"\"\ntenant.a.key_sha256 = \""+hashOf("a")+"\"")
		if err := c.Validate(); err != nil {
			t.Errorf("%s with a tenant: %v", address, err)
		}
	}
}

func TestServer_RefusesWhatIsNoAddress(t *testing.T) {
	for _, address := range []string{"", "8080", "localhost", "localhost:", "localhost:http", ":65536", ":-1", "a b:1", "::1:80", "http://a:1", "a:1\n", "off"} {
		c := Default()
		if err := c.Override("listen", address); err == nil {
			t.Errorf("--listen=%q is taken", address)
		}
		if err := c.Override("admin", address); (err == nil) != (address == AdminOff) {
			t.Errorf("--admin=%q: %v", address, err)
		}
	}
}

func TestTenant_HasAKeyOfItsOwn(t *testing.T) {
	for text, want := range map[string]string{
		"[tenant.a]":                       "found no key_sha256",
		"tenant.a.key_sha256 = \"secret\"": "want 64 hex digits",
		"tenant.a.key_sha256 = \"" + hashOf("A") + "\"\ntenant.b.key_sha256 = \"" + hashOf("a") + "\"":                                               "tenant.a has too",
		"tenant.a.key_sha256 = \"" + hashOf("a") + "\"\ntenant.b = {key_sha256 = \"" + hashOf("b") + "\", old_key_sha256 = \"" + hashOf("a") + "\"}": "tenant.a has too",
	} {
		if err := Check(write(t, text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n%v, want %q in it", text, err, want)
		}
	}
}
