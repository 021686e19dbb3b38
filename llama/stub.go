//go:build !llama

package llama

import (
	"context"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// Load reports that this binary was built without llama.cpp.
func Load(context.Context, base.LoadOptions, func(stage string, done float64)) (base.Host, error) {
	return nil, &base.Error{Sentinel: base.ErrUnavailable, Message: "this binary was built without llama.cpp",
		Hint: "build it with make build, which sets the build tag llama"}
}

// BuildInfo says that this binary holds no llama.cpp.
func BuildInfo() string { return "built without llama.cpp" }
