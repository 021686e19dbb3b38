package wasmhost

import "strings"

// tail keeps the end of what a guest writes to standard error: where programs say why they crash.
type tail struct{ kept []byte }

const maxTail = 2048

func (t *tail) write(b []byte) {
	if len(b) > maxTail {
		b = b[len(b)-maxTail:]
	}
	if over := len(t.kept) + len(b) - maxTail; over > 0 {
		t.kept = append(t.kept[:0], t.kept[over:]...)
	}
	t.kept = append(t.kept, b...)
}

func (t *tail) text() string { return strings.TrimSpace(string(t.kept)) }
