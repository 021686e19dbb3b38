package plugins_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// nativeChain builds the normalizers from the same sources for this machine.
func nativeChain(b *testing.B) string {
	b.Helper()
	clang, err := exec.LookPath("clang-19")
	if err != nil {
		b.Skip("clang-19 is not installed (Debian: clang-19)")
	}
	dir := b.TempDir()
	build := func(args ...string) {
		if text, err := exec.Command(clang, append([]string{"-std=gnu23", "-O2", "-fno-pie", "-w"}, args...)...).CombinedOutput(); err != nil {
			b.Fatalf("%v: %s", err, text)
		}
	}
	heaps, link := "", []string{"-no-pie", "-o", filepath.Join(dir, "native"), "testdata/native.c", filepath.Join(dir, "heaps.c")}
	for _, name := range []string{"unicode", "whitespace", "case", "punctuation", "politeness"} {
		object := filepath.Join(dir, name+".o")
		args := []string{
			"-I", "../hostapi/c", "-c", "normalize/" + name + "/" + name + ".c", "-o", object,
			// The memory of a guest, as an array that does not grow.
			"-D__heap_base=" + name + "_heap", "-D__builtin_wasm_memory_size(m)=((uintptr_t)(&__heap_base+(1<<20))>>16)",
			"-D__builtin_wasm_memory_grow(m,n)=((uintptr_t)-1)",
		}
		for _, export := range []string{"kvasir_abi_version", "kvasir_init", "kvasir_alloc", "kvasir_normalize"} {
			args = append(args, "-D"+export+"="+name+"_"+export)
		}
		build(args...)
		heaps += fmt.Sprintf("_Alignas(16) unsigned char %s_heap[(1<<20) + (1<<16)];\n", name)
		link = append(link, object)
	}
	if err := os.WriteFile(filepath.Join(dir, "heaps.c"), []byte(heaps), 0o600); err != nil {
		b.Fatal(err)
	}
	build(link...)
	return filepath.Join(dir, "native")
}

// runNative returns what the native chain makes of the prompt, and the least time of one run.
func runNative(b *testing.B, program string) (form string, took time.Duration) {
	b.Helper()
	out, err := exec.Command(program, prompt, "30").Output()
	if err != nil {
		b.Fatal(err)
	}
	form, ns, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	n, err := strconv.Atoi(ns)
	if err != nil {
		b.Fatal(err)
	}
	return form, time.Duration(n)
}

// BenchmarkNormalizers_AgainstNative runs the chain as guests and as native code by turns, 3,000 times each in
// every round, and reports the least time of either.
func BenchmarkNormalizers_AgainstNative(b *testing.B) {
	c, program := loadChain(b), nativeChain(b)
	guests, native := time.Hour, time.Hour
	for b.Loop() {
		form, took := runNative(b, program)
		native = min(native, took)
		if got := c.normal(b, prompt); got != form {
			b.Fatalf("guests make %q of it, native code %q", got, form)
		}
		for range 30 {
			began := time.Now()
			for range 100 {
				c.normal(b, prompt)
			}
			guests = min(guests, time.Since(began)/100)
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(guests), "ns/guests")
	b.ReportMetric(float64(native), "ns/native")
	b.ReportMetric(float64(guests-native), "ns-more")
}
