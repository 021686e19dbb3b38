package meter

import "bytes"

// Section numbers of a module.
const (
	idCustom = iota
	idType
	idImport
	idFunction
	idTable
	idMemory
	idGlobal
	idExport
	idStart
	idElement
	idCode
	idData
	idDataCount
	sectionCount

	idTag = 13
)

// section says how one kind of section is rewritten. Those the pass adds to are always written.
type section struct {
	id      int
	name    string
	always  bool
	rewrite func(*module, *reader) []byte
}

// sections stand in the order of a module, which is not the order of their numbers.
var sections = []section{
	{idType, "type", true, (*module).typeSection},
	{idImport, "import", true, (*module).importSection},
	{idFunction, "function", false, (*module).functionSection},
	{idTable, "table", false, (*module).tableSection},
	{idMemory, "memory", false, (*module).memorySection},
	{idGlobal, "global", true, (*module).globalSection},
	{idExport, "export", true, (*module).exportSection},
	{idStart, "start", false, (*module).startSection},
	{idElement, "element", false, (*module).elementSection},
	{idDataCount, "data count", false, (*module).dataCountSection},
	{idCode, "code", false, (*module).codeSection},
	{idData, "data", false, (*module).dataSection},
}

var header = []byte("\x00asm\x01\x00\x00\x00")

// split finds the sections and checks their order. Custom sections go to Info at once.
func (m *module) split(wasm []byte) error {
	if len(wasm) > m.limits.ModuleBytes {
		return &Error{Reason: ErrLimit, Offset: m.limits.ModuleBytes, Hint: "build it smaller, without debug information",
			Message: "the module is larger than " + size(m.limits.ModuleBytes)}
	}
	if err := checkHeader(wasm); err != nil {
		return err
	}
	r := &reader{b: wasm, pos: len(header), end: len(wasm), section: "next"}
	last := -1 // place in sections of the section before
	for r.left() > 0 && r.ok() {
		last = m.splitOne(r, last)
	}
	if !r.ok() {
		return r.err
	}
	return nil
}

func (m *module) splitOne(r *reader, last int) int {
	at := r.pos
	id := int(r.byte())
	content := r.bytes(r.u32())
	if !r.ok() {
		return last
	}
	part := &reader{b: r.b, pos: r.pos - len(content), end: r.pos, section: "custom"}
	if id == idCustom {
		m.customSection(part)
		r.err = part.err
		return last
	}
	place := placeOf(id)
	switch {
	case id == idTag:
		r.failAt(at, ErrUnsupported, hintExceptions, "exceptions (a tag section) are not supported")
	case place < 0:
		r.failAt(at, ErrMalformed, hintAgain, "section %d is unknown", id)
	case place <= last:
		r.failAt(at, ErrMalformed, hintAgain, "the %s section is out of order or there twice", sections[place].name)
	default:
		part.section = sections[place].name
		m.parts[id] = part
	}
	return place
}

func placeOf(id int) int {
	for place, s := range sections {
		if s.id == id {
			return place
		}
	}
	return -1
}

func checkHeader(wasm []byte) error {
	fail := func(reason error, message, hint string) error {
		return &Error{Reason: reason, Message: message, Hint: hint}
	}
	switch {
	case bytes.HasPrefix(wasm, header):
		return nil
	case len(wasm) < len(header):
		return fail(ErrMalformed, "the module is cut off before its header ends", hintAgain)
	case !bytes.HasPrefix(wasm, header[:4]):
		return fail(ErrMalformed, "the file is not a WebAssembly module: it does not begin with \\0asm", hintCore)
	case wasm[6] == 1 && wasm[7] == 0:
		return fail(ErrUnsupported, "components cannot be loaded", hintCore)
	}
	return fail(ErrUnsupported, "the module is not of version 1 of the binary format", hintCore)
}

func (m *module) customSection(r *reader) {
	if len(m.info.Custom) == maxCustom {
		r.fail(ErrLimit, "", "it has more than %d custom sections", maxCustom)
	}
	name := r.name()
	if r.ok() {
		m.info.Custom = append(m.info.Custom, Custom{Name: name, Data: r.bytes(uint32(r.left()))})
	}
}

func (m *module) startSection(r *reader) []byte {
	r.fail(ErrUnsupported, hintStart, "a start function is not supported")
	return nil
}

// assemble joins the sections. Types come last in the work and first in the module, since code may
// add some.
func (m *module) assemble() ([]byte, error) {
	m.written[idType] = m.finishTypes()
	total := len(header)
	for _, s := range m.written {
		total += len(s) + 6
	}
	if limit := 2 * m.limits.ModuleBytes; total > limit {
		return nil, tooLong(limit)
	}
	out := append(make([]byte, 0, total), header...)
	for _, s := range sections {
		if content := m.written[s.id]; content != nil {
			out = appendSized(append(out, byte(s.id)), content)
		}
	}
	return out, nil
}

func tooLong(limit int) *Error {
	return &Error{Reason: ErrLimit, Hint: "build it smaller",
		Message: "the module with its charges is larger than " + size(limit)}
}
