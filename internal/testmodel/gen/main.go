// Command gen makes a model with random weights and prints its path, so that it can be given to kvasir:
//
//	kvasir bench repeat -m "$(go run ./internal/testmodel/gen smollm2-135m q8_0)"
//
// The file is kept in the cache folder and made once. With a third argument it is written there instead.
package main

import (
	"fmt"
	"os"

	"github.com/kvasir-cache/kvasir/internal/testmodel"
)

func main() {
	path, err := model(os.Args[1:])
	if err != nil {
		fmt.Fprintf(os.Stderr, "gen: error: %v\n", err)
		os.Exit(1)
	}
	fmt.Println(path)
}

// model makes the model that the arguments name: SHAPE TYPE [FILE].
func model(args []string) (path string, err error) {
	if len(args) < 2 || len(args) > 3 {
		return "", fmt.Errorf("there are %d arguments, want SHAPE TYPE [FILE], such as smollm2-135m q8_0", len(args))
	}
	shape, err := testmodel.ParseShape(args[0])
	if err != nil {
		return "", err
	}
	t, err := testmodel.ParseType(args[1])
	if err != nil {
		return "", err
	}
	if len(args) == 3 {
		return args[2], testmodel.Write(args[2], shape, t)
	}
	return testmodel.Cached(shape, t)
}
