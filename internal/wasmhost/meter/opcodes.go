package meter

// Instructions the pass handles one by one or writes itself.
const (
	opUnreachable  = 0x00
	opBlock        = 0x02
	opLoop         = 0x03
	opIf           = 0x04
	opElse         = 0x05
	opEnd          = 0x0b
	opBr           = 0x0c
	opBrIf         = 0x0d
	opBrTable      = 0x0e
	opReturn       = 0x0f
	opCall         = 0x10
	opCallIndirect = 0x11
	opSelectTyped  = 0x1c
	opLocalGet     = 0x20
	opLocalSet     = 0x21
	opLocalTee     = 0x22
	opGlobalGet    = 0x23
	opGlobalSet    = 0x24
	opTableGet     = 0x25
	opTableSet     = 0x26
	opMemorySize   = 0x3f
	opMemoryGrow   = 0x40
	opI32Const     = 0x41
	opI64Const     = 0x42
	opF32Const     = 0x43
	opF64Const     = 0x44
	opI64LtS       = 0x53
	opI32ShrU      = 0x76
	opI64Add       = 0x7c
	opI64Sub       = 0x7d
	opI64Or        = 0x84
	opI64Shl       = 0x86
	opI64ExtendU   = 0xad
	opRefNull      = 0xd0
	opRefIsNull    = 0xd1
	opRefFunc      = 0xd2
	opMisc         = 0xfc
	opVector       = 0xfd

	blockEmpty = 0x40
)

// Instructions behind opMisc.
const (
	miscTruncLast  = 7 // 0 to 7 are saturating truncations
	miscMemoryInit = 8
	miscDataDrop   = 9
	miscMemoryCopy = 10
	miscMemoryFill = 11
	miscTableInit  = 12
	miscElemDrop   = 13
	miscTableCopy  = 14
	miscTableGrow  = 15
	miscTableSize  = 16
	miscTableFill  = 17
)

// Instructions behind opVector.
const (
	vecLoadLast  = 11 // 0 to 11 are loads and the store of a whole vector
	vecConst     = 12
	vecShuffle   = 13
	vecLaneFirst = 21 // to vecLaneLast: lanes taken out and put in
	vecLaneLast  = 34
	vecMemFirst  = 84 // to vecMemLast: loads and stores of a lane
	vecMemLast   = 91
	vecZeroFirst = 92 // to vecZeroLast: loads that clear the rest
	vecZeroLast  = 93
	vecLast      = 255
)

// isPlain says whether an instruction of one byte has no immediate and leaves control alone.
func isPlain(op byte) bool {
	return op == 0x01 || op == 0x1a || op == 0x1b || op >= 0x45 && op <= 0xc4 || op == opRefIsNull
}

// isMemory says whether an instruction of one byte loads or stores.
func isMemory(op byte) bool { return op >= 0x28 && op <= 0x3e }

// vecHoles are the numbers below vecLast that are no instruction.
var vecHoles = map[uint32]bool{
	0x9a: true, 0xa2: true, 0xa5: true, 0xa6: true, 0xaf: true, 0xb0: true, 0xb2: true, 0xb3: true,
	0xb4: true, 0xbb: true, 0xc2: true, 0xc5: true, 0xc6: true, 0xcf: true, 0xd0: true, 0xd2: true,
	0xd3: true, 0xd4: true, 0xe2: true, 0xee: true,
}

// refused names instructions of later versions and proposals, with what to build instead.
var refused = map[byte]struct{ name, hint string }{
	0x06: {"try", hintExceptions},
	0x07: {"catch", hintExceptions},
	0x08: {"throw", hintExceptions},
	0x09: {"rethrow", hintExceptions},
	0x0a: {"throw_ref", hintExceptions},
	0x18: {"delegate", hintExceptions},
	0x19: {"catch_all", hintExceptions},
	0x1f: {"try_table", hintExceptions},
	0x12: {"return_call", hintTailCalls},
	0x13: {"return_call_indirect", hintTailCalls},
	0x14: {"call_ref", hintRefs},
	0x15: {"return_call_ref", hintRefs},
	0xd3: {"ref.eq", hintGC},
	0xd4: {"ref.as_non_null", hintRefs},
	0xd5: {"br_on_null", hintRefs},
	0xd6: {"br_on_non_null", hintRefs},
	0xfb: {"an instruction for garbage-collected types", hintGC},
	0xfe: {"an atomic instruction", hintThreads},
}
