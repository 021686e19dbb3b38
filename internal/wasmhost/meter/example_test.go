package meter_test

import (
	"errors"
	"fmt"

	"github.com/kvasir-cache/kvasir/internal/wasmhost/meter"
)

func ExampleRewrite() {
	component := []byte("\x00asm\x0d\x00\x01\x00")
	_, _, err := meter.Rewrite(component, meter.Limits{})
	fmt.Println(err)
	var e *meter.Error
	if errors.As(err, &e) {
		fmt.Println("hint:", e.Hint)
	}
	// Output:
	// components cannot be loaded
	// hint: build a core module for wasm32-wasip1 or wasm32-unknown-unknown
}
