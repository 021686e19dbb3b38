package meter

func (m *module) typeSection(r *reader) []byte {
	for range r.count("types", maxTypes) {
		if !r.ok() {
			break
		}
		t := r.funcType()
		encoded := appendFuncType(nil, t)
		if _, known := m.typeOf[string(encoded)]; !known {
			m.typeOf[string(encoded)] = uint32(len(m.types))
		}
		m.types = append(m.types, t)
		m.typeList = append(m.typeList, encoded...)
	}
	return []byte{} // written by finishTypes
}

func (r *reader) funcType() FuncType {
	at := r.pos
	switch form := r.byte(); {
	case !r.ok() || form == 0x60:
	case form >= 0x4d && form <= 0x5f:
		r.failAt(at, ErrUnsupported, hintGC, "garbage-collected type %#x is not supported", form)
	default:
		r.failAt(at, ErrMalformed, hintAgain, "type %#x is no function type", form)
	}
	return FuncType{Params: r.valueTypes("parameters"), Results: r.valueTypes("results")}
}

func (r *reader) valueTypes(what string) []ValueType {
	n := r.count(what, maxValues)
	if n == 0 {
		return nil
	}
	types := make([]ValueType, n) // no more than the bytes that are left
	for i := range types {
		types[i] = r.valueType()
	}
	return types
}

// typeIndex returns the index of a signature in the rewritten module, appending it if need be.
func (m *module) typeIndex(t FuncType) uint32 {
	encoded := appendFuncType(nil, t)
	index, known := m.typeOf[string(encoded)]
	if !known {
		index = uint32(len(m.types) + len(m.moreTypes))
		m.typeOf[string(encoded)] = index
		m.moreTypes = append(m.moreTypes, encoded)
	}
	return index
}

func (m *module) finishTypes() []byte {
	out := appendU32(nil, uint32(len(m.types)+len(m.moreTypes)))
	out = append(out, m.typeList...)
	for _, t := range m.moreTypes {
		out = append(out, t...)
	}
	return out
}

// importSection keeps the functions a guest imports and puts the tick function behind them.
func (m *module) importSection(r *reader) []byte {
	n := r.count("imports", maxImports)
	out := appendU32(nil, uint32(n)+1)
	for range n {
		if !r.ok() {
			break
		}
		out = m.importOne(r, out)
	}
	m.imported = len(m.functions)
	out = appendSized(appendSized(out, TickModule), TickName)
	return appendU32(append(out, byte(KindFunction)), m.typeIndex(FuncType{}))
}

func (m *module) importOne(r *reader, out []byte) []byte {
	at := r.pos
	mod, name := r.name(), r.name()
	kind := Kind(r.byte())
	switch {
	case !r.ok():
		return out
	case kind == 4:
		r.failAt(at, ErrUnsupported, hintExceptions, "import %q.%q is an exception tag, which is not supported", mod, name)
	case kind > KindGlobal:
		r.failAt(at, ErrMalformed, hintAgain, "import %q.%q is of the unknown kind %d", mod, name, byte(kind))
	case kind != KindFunction:
		r.failAt(at, ErrUnsupported, hintOwnMemory, "import %q.%q is a %s; only functions can be imported", mod, name, kind)
	case mod == TickModule:
		r.failAt(at, ErrUnsupported, "name another module", "import %q.%q is reserved for the host", mod, name)
	}
	index := r.index("type", len(m.types))
	if !r.ok() {
		return out
	}
	m.functions = append(m.functions, index)
	m.info.Imports = append(m.info.Imports, Import{Module: mod, Name: name, Type: m.types[index]})
	out = appendSized(appendSized(out, mod), name)
	return appendU32(append(out, byte(kind)), index)
}

func (m *module) functionSection(r *reader) []byte {
	n := r.count("functions", maxFunctions)
	out := appendU32(nil, uint32(n))
	for range n {
		index := r.index("type", len(m.types))
		if !r.ok() {
			break
		}
		m.functions = append(m.functions, index)
		out = appendU32(out, index)
	}
	m.info.Functions = n
	return out
}
