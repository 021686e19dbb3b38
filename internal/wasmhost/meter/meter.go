package meter

// Version names what the pass does to a module. It changes whenever the same module and limits give
// other bytes, so it belongs into the key of whatever caches them.
const Version = 1

// What the rewritten module shares with its host. The package documentation says how they are used.
const (
	TickModule  = "kvasir_meter"
	TickName    = "tick"
	StepsGlobal = "kvasir_meter_steps"
	DepthGlobal = "kvasir_meter_depth"
)

// Rewrite returns a module that does what the given one does, charges for it, and keeps to limits.
// It reads the module and does not keep it, except that Info.Custom points into it. An error about
// the module is an *Error. Info is nil when there is an error.
func Rewrite(wasm []byte, limits Limits) (rewritten []byte, info *Info, err error) {
	if err := limits.check(); err != nil {
		return nil, nil, err
	}
	m := &module{limits: limits.withDefaults(), info: &Info{}, typeOf: map[string]uint32{}}
	if err := m.split(wasm); err != nil {
		return nil, nil, err
	}
	if err := m.rewrite(); err != nil {
		return nil, nil, err
	}
	out, err := m.assemble()
	if err != nil {
		return nil, nil, err
	}
	return out, m.info, nil
}

// module is what is known about a module while it is rewritten. Counts are of the module as it
// came: an index the guest uses must be below them, so that it can never name what the pass adds.
type module struct {
	limits Limits
	info   *Info

	parts   [sectionCount]*reader // as found
	written [sectionCount][]byte  // as they will be

	types     []FuncType
	typeOf    map[string]uint32 // encoded type to its index
	moreTypes [][]byte          // encoded, appended by the pass
	typeList  []byte            // encoded, without the count

	functions []uint32 // type of each function, imported ones first
	imported  int      // how many of them are imported
	globals   int
	elements  int // element segments
	data      int // data segments, as counted before the code
	hasCount  bool
}

// tick is the index of the tick function, which stands behind the other imports.
func (m *module) tick() uint32 { return uint32(m.imported) }

// steps and depth are the indexes of the pass's globals, which stand behind the guest's.
func (m *module) steps() uint32 { return uint32(m.globals) }
func (m *module) depth() uint32 { return uint32(m.globals) + 1 }

// function returns where a function of the guest stands in the rewritten module.
func (m *module) function(index uint32) uint32 {
	if int(index) < m.imported {
		return index
	}
	return index + 1
}

// rewrite reads and writes the sections in the order of their dependencies, which is the order in a
// module.
func (m *module) rewrite() error {
	for _, s := range sections {
		r := m.parts[s.id]
		if r == nil && !s.always {
			continue
		}
		if r == nil {
			r = &reader{b: []byte{0}, end: 1, section: s.name} // no items
		}
		m.written[s.id] = s.rewrite(m, r)
		if r.ok() && r.left() > 0 {
			r.malformed("%d bytes follow its last item", r.left())
		}
		if !r.ok() {
			return r.err
		}
	}
	return m.bodiesMatch()
}
