package prochost

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestLastWords_FindTheCause(t *testing.T) {
	for name, c := range map[string]struct{ log, want string }{
		"ggml": {
			"load: ok\n/src/ggml/src/ggml.c:3050: GGML_ASSERT(ggml_can_mul_mat(a, b)) failed\n[New LWP 12]\n#0  0x0000 in wait4 ()\n",
			"ggml.c:3050: GGML_ASSERT(ggml_can_mul_mat(a, b)) failed"},
		"ggml under Go": {
			"llama-kv.cpp:7: fatal error\nSIGABRT: abort\nPC=0x1 m=0 sigcode=18446744073709551610\n\ngoroutine 0 gp=0x1 m=0 mp=0x1 [idle]:\n" +
				strings.Repeat("runtime.cgocall()\n\t/go/cgo.c:1: x\n", 100),
			"llama-kv.cpp:7: fatal error"},
		"exception": {
			"terminate called after throwing an instance of 'std::out_of_range'\n  what():  vector::_M_range_check\n",
			"vector::_M_range_check"},
		"fault in C": {
			"SIGSEGV: segmentation violation\nPC=0x1 m=4 sigcode=1 addr=0x7f\nsignal arrived during cgo execution\n\ngoroutine 0 gp=0x1 m=4 mp=0x1 [idle]:\n",
			"SIGSEGV: segmentation violation"},
		"panic":        {"panic: nil map\n\ngoroutine 1 [running]:\nmain.main()\n", "panic: nil map"},
		"none":         {"llama_model_load: 12.5 ms\nmain.go: hello\n", ""},
		"last of two":  {"a.c:1: first\nb.c:2: second\n", "b.c:2: second"},
		"too long ago": {"a.c:1: first\n" + strings.Repeat("progress\n", maxLines), ""},
		"empty":        {"", ""},
	} {
		var w lastWords
		for i := range len(c.log) { // bytes come as they like
			w.write([]byte{c.log[i]})
		}
		if got := w.cause(); got != c.want {
			t.Errorf("%s: cause %q; want %q", name, got, c.want)
		}
	}
}

func TestLastWords_FallBackToTheLastLine(t *testing.T) {
	var w lastWords
	w.write([]byte("first\nsecond\n\n"))
	if got := w.causeOrLast(); got != "second" {
		t.Errorf("last line %q", got)
	}
	var partial lastWords
	partial.write([]byte("no line end"))
	if got := partial.causeOrLast(); got != "no line end" {
		t.Errorf("last line %q", got)
	}
}

func FuzzLastWords(f *testing.F) {
	f.Add([]byte("a.c:1: x failed\n"))
	f.Add([]byte("goroutine 1 [running]:\n"))
	f.Fuzz(func(t *testing.T, log []byte) {
		var w lastWords
		w.write(log)
		for _, s := range []string{w.cause(), w.causeOrLast()} {
			if len(s) > 3*maxLine || !utf8.ValidString(s) || strings.Contains(s, "\n") {
				t.Errorf("log %q has the words %q", log, s)
			}
		}
	})
}
