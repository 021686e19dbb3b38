package llama

import (
	"errors"
	"strings"
	"testing"

	"github.com/kvasir-cache/kvasir/internal/base"
)

func TestCheckCPU(t *testing.T) {
	if err := checkCPU("avx,avx2", []string{"sse", "avx", "avx2"}); err != nil {
		t.Error(err)
	}
	err := checkCPU("avx,avx512f,amx_int8", []string{"avx"})
	if !errors.Is(err, base.ErrModel) || !strings.Contains(err.Error(), "avx512f, amx_int8") {
		t.Errorf("error %v, want the missing features named", err)
	}
	if err := checkCPU("avx", nil); err != nil {
		t.Errorf("where features cannot be listed: %v", err)
	}
}
