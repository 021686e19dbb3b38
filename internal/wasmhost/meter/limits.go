package meter

import (
	"errors"
	"fmt"
)

// Limits bound what a module may be and become. A field that is zero means its default.
type Limits struct {
	MemoryPages   uint32 // memory, in pages of 64 KiB; default 1,024, at most 65,536
	TableElements uint32 // elements of each table; default 65,536
	CallDepth     int32  // calls that nest; default 4,096
	MaxLocals     int    // parameters and locals of a function; default 512
	BodyBytes     int    // code of a function; default 1 MiB
	ModuleBytes   int    // the module as it comes; default 32 MiB. The rewritten one may have twice as many
}

// Bounds on what a module may claim. They keep what an instance costs near what Limits say, and are
// far above what compilers make of a plugin.
const (
	maxTypes     = 1 << 14
	maxValues    = 1000 // parameters, or results, of a type
	maxFunctions = 1 << 17
	maxImports   = 1 << 12
	maxExports   = 1 << 14
	maxGlobals   = 1 << 14
	maxTables    = 16
	maxSegments  = 1 << 17 // data segments, and element segments
	maxElements  = 1 << 18 // of all element segments
	maxCustom    = 1 << 10
)

// maxEffort bounds the time to compile a module, which in the engine grows with the square of the
// blocks in a function, and with the square of its instructions when many values wait on its stack.
// It is some ten seconds for the worst of it: one function of 14,000 ifs, 2,800 loops or 160,000
// instructions. A Go plugin of 1.9 MB has 4 % of it.
const maxEffort = 200e6

// effort is what a function adds to it. A charge costs the engine a branch and a call.
func effort(blocks, charges, instructions int) int {
	blocks += 4 * charges
	return blocks*blocks + instructions*instructions/128
}

const pagesOfMemory = 1 << 16 // what 32 bits can address

func (l Limits) withDefaults() Limits {
	setDefault(&l.MemoryPages, 1024)
	setDefault(&l.TableElements, 1<<16)
	setDefault(&l.CallDepth, 4096)
	setDefault(&l.MaxLocals, 512)
	setDefault(&l.BodyBytes, 1<<20)
	setDefault(&l.ModuleBytes, 32<<20)
	return l
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func (l Limits) check() error {
	var problems []error
	if l.MemoryPages > pagesOfMemory {
		problems = append(problems, fmt.Errorf("limit MemoryPages is %d, more than %d", l.MemoryPages, pagesOfMemory))
	}
	for _, f := range []struct {
		name  string
		value int
	}{
		{"CallDepth", int(l.CallDepth)}, {"MaxLocals", l.MaxLocals},
		{"BodyBytes", l.BodyBytes}, {"ModuleBytes", l.ModuleBytes},
	} {
		if f.value < 0 {
			problems = append(problems, fmt.Errorf("limit %s is %d, less than zero", f.name, f.value))
		}
	}
	return errors.Join(problems...)
}
