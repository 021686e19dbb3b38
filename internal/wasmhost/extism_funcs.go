package wasmhost

import (
	"context"
	"encoding/binary"
	"log/slog"

	"github.com/kvasir-cache/kvasir/hostapi"
)

// Bounds on the variables of an Extism plugin.
const (
	maxVars      = 256
	maxVarsBytes = 1 << 20
)

// extismFuncs are the functions of Extism's host, over memory of our own. There is no network.
func extismFuncs() []hostFunc {
	funcs := []hostFunc{
		{"alloc", values(i64), values(i64), "", asExtism(extismAlloc)},
		{"free", values(i64), nil, "", asExtism(func(e *extism, s []uint64) { e.memory.free(s[0]) })},
		{"length", values(i64), values(i64), "", asExtism(extismLength)},
		{"length_unsafe", values(i64), values(i64), "", asExtism(extismLength)},
		{"load_u8", values(i64), values(i32), "", asExtism(func(e *extism, s []uint64) { s[0] = uint64(e.at("load_u8", s[0], 1)[0]) })},
		{"load_u64", values(i64), values(i64), "", asExtism(func(e *extism, s []uint64) {
			s[0] = binary.LittleEndian.Uint64(e.at("load_u64", s[0], 8))
		})},
		{"store_u8", values(i64, i32), nil, "", asExtism(func(e *extism, s []uint64) { e.at("store_u8", s[0], 1)[0] = byte(s[1]) })},
		{"store_u64", values(i64, i64), nil, "", asExtism(func(e *extism, s []uint64) {
			binary.LittleEndian.PutUint64(e.at("store_u64", s[0], 8), s[1])
		})},
		{"input_length", nil, values(i64), "", asExtism(func(e *extism, s []uint64) { s[0] = e.input.length })},
		{"input_offset", nil, values(i64), "", asExtism(func(e *extism, s []uint64) { s[0] = e.input.offset })},
		{"input_load_u8", values(i64), values(i32), "", asExtism(func(e *extism, s []uint64) {
			s[0] = uint64(e.inputAt("input_load_u8", s[0], 1)[0])
		})},
		{"input_load_u64", values(i64), values(i64), "", asExtism(func(e *extism, s []uint64) {
			s[0] = binary.LittleEndian.Uint64(e.inputAt("input_load_u64", s[0], 8))
		})},
		{"output_set", values(i64, i64), nil, "", asExtism(extismOutput)},
		{"error_set", values(i64), nil, "", asExtism(extismError)},
		{"config_get", values(i64), values(i64), "", asExtism(extismConfig)},
		{"var_get", values(i64), values(i64), "", asExtism(extismVarGet)},
		{"var_set", values(i64, i64), nil, "", asExtism(extismVarSet)},
		{"get_log_level", nil, values(i32), "", asExtism(extismLogLevel)},
		{"http_request", values(i64, i64), values(i64), "", asExtism(func(*extism, []uint64) {
			panic(faultf(hostapi.ErrTrap, "http_request: plugins have no network"))
		})},
		{"http_status_code", nil, values(i32), "", asExtism(func(_ *extism, s []uint64) { s[0] = 0 })},
		{"http_headers", nil, values(i64), "", asExtism(func(_ *extism, s []uint64) { s[0] = 0 })},
	}
	for name, level := range map[string]slog.Level{
		"log_trace": slog.LevelDebug - 4, "log_debug": slog.LevelDebug, "log_info": slog.LevelInfo,
		"log_warn": slog.LevelWarn, "log_error": slog.LevelError,
	} {
		funcs = append(funcs, hostFunc{name, values(i64), nil, "", asExtism(func(e *extism, s []uint64) {
			e.in.charge(stepsLog)
			e.in.plugin.log.guest(level, e.memory.bytes(e.memory.find(s[0])))
		})})
	}
	return funcs
}

// asExtism makes a host function of f. Only modules of this profile can import it.
func asExtism(f func(e *extism, s []uint64)) func(*instance, []uint64) {
	return func(in *instance, s []uint64) {
		in.charge(stepsCall)
		f(in.guest.(*extism), s)
	}
}

// at returns memory of the arena, and ends the call where there is none.
func (e *extism) at(what string, offset, n uint64) []byte {
	b := e.memory.at(offset, n)
	if b == nil {
		panic(broke("%s: %d bytes at %d are outside the memory of the call", what, n, offset))
	}
	return b
}

func (e *extism) inputAt(what string, offset, n uint64) []byte {
	if offset > e.input.length || n > e.input.length-offset {
		panic(broke("%s: %d bytes at %d are outside the input of %d bytes", what, n, offset, e.input.length))
	}
	return e.at(what, e.input.offset+offset, n)
}

// keep puts text into a new block and returns its offset, or 0 where there is no room.
func (e *extism) keep(text []byte) uint64 {
	e.in.charge(uint64(len(text)) / bytesCopied)
	b := e.memory.alloc(uint64(len(text)))
	copy(e.memory.bytes(b), text)
	return b.offset
}

func extismAlloc(e *extism, s []uint64) {
	e.in.charge(min(s[0], e.memory.limit) / bytesCopied)
	s[0] = e.memory.alloc(s[0]).offset
}

func extismLength(e *extism, s []uint64) { s[0] = e.memory.find(s[0]).length }

func extismOutput(e *extism, s []uint64) {
	e.output = block{}
	if s[1] > 0 {
		e.at("output_set", s[0], s[1])
		e.output = block{s[0], s[1]}
	}
}

func extismError(e *extism, s []uint64) {
	e.in.charge(stepsLog)
	b := e.memory.bytes(e.memory.find(s[0]))
	e.in.said = cut(string(b[:min(len(b), hostapi.MaxMessage)]), hostapi.MaxMessage)
}

func extismConfig(e *extism, s []uint64) {
	key := e.text("config_get", s[0], maxKey)
	value, ok := e.in.plugin.config[key]
	s[0] = 0
	if ok {
		s[0] = e.keep([]byte(value))
	}
}

func extismVarGet(e *extism, s []uint64) {
	s[0] = e.keep(e.vars[e.text("var_get", s[0], maxKey)])
}

// extismVarSet sets a variable, or removes it where the value is 0.
func extismVarSet(e *extism, s []uint64) {
	key := e.text("var_set", s[0], maxKey)
	old, had := e.vars[key]
	if s[1] == 0 {
		delete(e.vars, key)
		e.varsBytes -= len(old)
		return
	}
	value := e.memory.bytes(e.memory.find(s[1]))
	bytes := e.varsBytes - len(old) + len(value)
	if bytes > maxVarsBytes || !had && len(e.vars) == maxVars {
		panic(broke("var_set: more than %d variables or %d bytes in them", maxVars, maxVarsBytes))
	}
	e.in.charge(uint64(len(value)) / bytesCopied)
	e.varsBytes = bytes
	e.vars[key] = append([]byte(nil), value...)
}

// extismLogLevel says which lines are not in vain: 1 debug, 2 info.
func extismLogLevel(e *extism, s []uint64) {
	s[0] = 2
	if e.in.plugin.log.logger.Enabled(context.Background(), slog.LevelDebug) {
		s[0] = 1
	}
}
