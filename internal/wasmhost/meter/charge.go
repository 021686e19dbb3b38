package meter

// How a size becomes steps, as shifts to the right.
const (
	bytesPerStep    = 7                // memory.fill, copy and init
	elementsPerStep = bytesPerStep - 3 // the same for tables, whose elements have 8 bytes
	pagesPerStep    = -4               // memory.grow: 16 steps a page
)

// counters are the indexes the code of the charges needs.
type counters struct {
	steps, depth, tick uint32
}

// appendCharge takes steps off the counter and calls tick when it fell below zero.
func (c counters) appendCharge(to []byte, steps int) []byte {
	to = appendIndexed(to, opGlobalGet, c.steps)
	to = append(appendI64(to, int64(steps)), opI64Sub)
	to = appendIndexed(to, opGlobalSet, c.steps)
	to = appendIndexed(to, opGlobalGet, c.steps)
	return c.appendTick(to)
}

// appendEntry is appendCharge on entry to a function that calls others: it also takes one off the
// depth, and tick is called when either fell below zero.
func (c counters) appendEntry(to []byte, steps int) []byte {
	to = appendIndexed(to, opGlobalGet, c.steps)
	to = append(appendI64(to, int64(steps)), opI64Sub)
	to = appendIndexed(to, opGlobalSet, c.steps)
	to = c.appendDepth(to, opI64Sub)
	to = appendIndexed(to, opGlobalGet, c.steps)
	to = appendIndexed(to, opGlobalGet, c.depth)
	return c.appendTick(append(to, opI64Or))
}

// appendExit gives back what appendEntry took off the depth.
func (c counters) appendExit(to []byte) []byte { return c.appendDepth(to, opI64Add) }

func (c counters) appendDepth(to []byte, op byte) []byte {
	to = appendIndexed(to, opGlobalGet, c.depth)
	to = append(appendI64(to, 1), op)
	return appendIndexed(to, opGlobalSet, c.depth)
}

// appendSizedCharge charges one step and more for the size on top of the stack, which stays there
// and in the local temp. A positive shift divides the size, a negative one multiplies it.
func (c counters) appendSizedCharge(to []byte, temp uint32, shift int) []byte {
	to = appendIndexed(to, opLocalTee, temp)
	to = appendIndexed(to, opGlobalGet, c.steps)
	to = appendIndexed(to, opLocalGet, temp)
	if shift > 0 {
		to = append(appendI32(to, int64(shift)), opI32ShrU)
	}
	to = append(to, opI64ExtendU)
	if shift < 0 {
		to = append(appendI64(to, int64(-shift)), opI64Shl)
	}
	to = append(appendI64(append(to, opI64Sub), 1), opI64Sub)
	to = appendIndexed(to, opGlobalSet, c.steps)
	to = appendIndexed(to, opGlobalGet, c.steps)
	return c.appendTick(to)
}

// appendTick calls tick if the number on the stack is below zero.
func (c counters) appendTick(to []byte) []byte {
	to = append(appendI64(to, 0), opI64LtS, opIf, blockEmpty)
	return append(appendIndexed(to, opCall, c.tick), opEnd)
}

func appendIndexed(to []byte, op byte, index uint32) []byte {
	return appendU32(append(to, op), index)
}

func appendI32(to []byte, n int64) []byte { return appendSigned(append(to, opI32Const), n) }

func appendI64(to []byte, n int64) []byte { return appendSigned(append(to, opI64Const), n) }
