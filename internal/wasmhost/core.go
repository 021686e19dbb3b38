package wasmhost

import (
	"encoding/json"

	"github.com/tetratelabs/wazero/api"

	"github.com/kvasir-cache/kvasir/hostapi"
	"github.com/kvasir-cache/kvasir/internal/wasmhost/meter"
)

// coreProfile is a module of the plugin contract.
type coreProfile struct{}

// Types of exports, as meter writes them.
const (
	typeVersion = "() -> (i32)"
	typeAlloc   = "(i32) -> (i32)"
	typeVoid    = "() -> ()"
	typeCall    = "(i32, i32) -> (i64)"
)

func (coreProfile) check(m *rewritten) (roleSet, error) {
	if e, ok := m.export(hostapi.ExportMemory); !ok || e.Kind != meter.KindMemory {
		return 0, faultf(hostapi.ErrLoad, "it exports no memory named %q", hostapi.ExportMemory)
	}
	for _, f := range []struct {
		name, signature string
		required        bool
	}{
		{hostapi.ExportVersion, typeVersion, true},
		{hostapi.ExportAlloc, typeAlloc, true},
		{hostapi.ExportInitialize, typeVoid, false},
		{hostapi.ExportInit, typeCall, false},
	} {
		if _, err := m.function(f.name, f.signature, f.required); err != nil {
			return 0, err
		}
	}
	var roles roleSet
	for _, r := range allRoles {
		found, err := m.function(r.Export(), typeCall, false)
		if err != nil {
			return 0, err
		}
		if found {
			roles |= bit(r)
		}
	}
	if len(roles.list()) == 0 {
		return 0, faultf(hostapi.ErrLoad, "it exports no function of a role, such as %q", hostapi.RoleNormalize.Export())
	}
	return roles, nil
}

func (coreProfile) open(in *instance) (guest, error) {
	c := &core{in: in, alloc: in.module.ExportedFunction(hostapi.ExportAlloc)}
	for i, r := range allRoles {
		c.roles[i] = in.module.ExportedFunction(r.Export())
	}
	return c, nil
}

// core speaks the plugin contract with one instance.
type core struct {
	in    *instance
	alloc api.Function
	roles [9]api.Function // in the order of allRoles; nil where there is none
	stack [2]uint64       // of the call under way

	// The buffer that kvasir_alloc returned last. It serves until an input is larger.
	buffer, capacity uint32
}

const (
	atNormalize = iota // in allRoles
	atFeatures
	atScore
	atExplain = 8
)

func (c *core) init(about *hostapi.Init) ([]byte, error) {
	v := c.in.module.ExportedFunction(hostapi.ExportVersion)
	if err := v.CallWithStack(c.in, c.stack[:]); err != nil {
		return nil, err
	}
	if err := version(uint32(c.stack[0])); err != nil {
		return nil, err
	}
	f := c.in.module.ExportedFunction(hostapi.ExportInit)
	if f == nil {
		return nil, nil
	}
	data, err := json.Marshal(about)
	if err != nil {
		return nil, err
	}
	out, err := c.callBytes(f, hostapi.ExportInit, data)
	if len(out) > hostapi.MaxJSON {
		return nil, broke("%s returned %d bytes, at most %d are allowed", hostapi.ExportInit, len(out), hostapi.MaxJSON)
	}
	return append([]byte(nil), out...), err
}

// input returns the guest's buffer for n bytes of input. It asks for a new one only where the last is too
// small, and then for no more than needed, so that a guest may have one of a fixed size.
func (c *core) input(n int) ([]byte, error) {
	if uint64(n) > hostapi.MaxFrame {
		return nil, broke("an input has %d bytes", n)
	}
	if uint32(n) > c.capacity {
		if err := c.grow(uint32(n)); err != nil {
			return nil, err
		}
	}
	return c.in.read(hostapi.ExportAlloc, c.buffer, uint32(n))
}

func (c *core) grow(n uint32) error {
	c.capacity = 0
	c.stack[0] = uint64(n)
	if err := c.alloc.CallWithStack(c.in, c.stack[:]); err != nil {
		return err
	}
	ptr := uint32(c.stack[0])
	switch {
	case ptr == 0:
		return faultf(hostapi.ErrBudget, "%s(%d) returned 0: it has no memory left", hostapi.ExportAlloc, n)
	case ptr%8 != 0:
		return broke("%s(%d) returned %#x, want a multiple of 8", hostapi.ExportAlloc, n, ptr)
	}
	if _, err := c.in.read(hostapi.ExportAlloc, ptr, n); err != nil {
		return err
	}
	c.buffer, c.capacity = ptr, n
	return nil
}

// call calls f about the first n bytes of the buffer and returns what it returned, still in the guest's
// memory.
func (c *core) call(f api.Function, name string, n int) ([]byte, error) {
	c.stack[0], c.stack[1] = uint64(c.buffer), uint64(n)
	if err := f.CallWithStack(c.in, c.stack[:]); err != nil {
		return nil, err
	}
	ptr, length, code, failed := hostapi.Unpack(c.stack[0])
	if failed {
		return nil, &fault{reason: hostapi.ErrFailed, text: reported(c.in.said, code)}
	}
	return c.in.read(name, ptr, length)
}

func (c *core) callBytes(f api.Function, name string, data []byte) ([]byte, error) {
	b, err := c.input(len(data))
	if err != nil {
		return nil, err
	}
	copy(b, data)
	return c.call(f, name, len(data))
}
