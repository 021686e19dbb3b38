package hostapi

import "fmt"

// The version of the contract. A guest says which it was built for; a guest of another major version,
// or of a higher minor one, is refused.
const (
	Major   = 1
	Minor   = 0
	Version = Major<<16 | Minor
)

// Exports of a core module. Memory, ExportVersion and ExportAlloc are required, and at least one of the
// functions that a Role names.
const (
	ExportMemory     = "memory"             // the memory that all pointers point into
	ExportVersion    = "kvasir_abi_version" // () -> i32: major<<16 | minor
	ExportAlloc      = "kvasir_alloc"       // (n i32) -> i32: an 8-aligned buffer of n bytes or more
	ExportInitialize = "_initialize"        // (): run once in each instance, if it is there
	ExportInit       = "kvasir_init"        // (ptr, len i32) -> i64: Init as JSON to Manifest as JSON
	ExportExplain    = "kvasir_explain"     // (ptr, len i32) -> i64: score frame of one candidate to Explanation as JSON
)

// Import modules.
const (
	ImportHost  = "kvasir"                 // the host functions
	ImportWASI  = "wasi_snapshot_preview1" // deterministic, without files, environment or network
	ImportAbort = "env"                    // abort, as AssemblyScript calls it
)

// Role is something a plugin can do. Its text is what a manifest and the command line call it.
type Role string

const (
	RoleNormalize Role = "normalize"
	RoleFeatures  Role = "features"
	RoleScore     Role = "score"
	RoleOnLookup  Role = "on_lookup"
	RoleOnHit     Role = "on_hit"
	RoleOnMiss    Role = "on_miss"
	RoleOnStore   Role = "on_store"
	RoleOnEvict   Role = "on_evict"
)

// Roles returns every role, in the order of the contract.
func Roles() []Role {
	return []Role{RoleNormalize, RoleFeatures, RoleScore, RoleOnLookup, RoleOnHit, RoleOnMiss, RoleOnStore, RoleOnEvict}
}

// Hooks returns the roles that are hooks.
func Hooks() []Role { return Roles()[3:] }

// IsHook reports whether r is asked about events.
func (r Role) IsHook() bool {
	switch r {
	case RoleOnLookup, RoleOnHit, RoleOnMiss, RoleOnStore, RoleOnEvict:
		return true
	}
	return false
}

// IsPure reports whether r may depend on its input alone. A plugin with a pure role gets no grant that
// tells two calls apart: GrantNow, GrantRandom, GrantKV.
func (r Role) IsPure() bool { return !r.IsHook() }

// Export returns the name of the function that a core module exports for r.
func (r Role) Export() string { return "kvasir_" + string(r) }

// Grant is a host function that a plugin gets only if the configuration says so.
type Grant string

const (
	GrantTokenize Grant = "tokenize" // tokenize
	GrantKV       Grant = "kv"       // kv_get and kv_put
	GrantNow      Grant = "now"      // now_ms
	GrantRandom   Grant = "random"   // random
)

// Grants returns every grant.
func Grants() []Grant { return []Grant{GrantTokenize, GrantKV, GrantNow, GrantRandom} }

// Bounds that no configuration raises.
const (
	MaxModule     = 32 << 20 // bytes of a module
	MaxMemory     = 1 << 30  // bytes of a guest's memory, so that pointers stay below 2^31
	MaxCandidates = 512      // texts in one score or features frame
	MaxText       = 1 << 20  // bytes of one text; longer ones are given to no plugin
	MaxFrame      = 32 << 20 // bytes of a frame
	MaxFeatures   = 1 << 20  // numbers in one set
	MaxJSON       = 64 << 10 // bytes of a manifest, a decision or an explanation
	MaxEventText  = 64 << 10 // bytes of a text in an event; longer ones are cut, and their size is told
	MaxMessage    = 4 << 10  // bytes of an error or a log line; longer ones are cut
)

// errorBit marks a result that is an error.
const errorBit = 1 << 63

// Pack returns the result of a guest function: where its bytes are.
func Pack(ptr, length uint32) uint64 { return uint64(ptr)<<32 | uint64(length) }

// PackError returns the result of a guest function that failed. The text goes through error_set.
func PackError(code uint32) uint64 { return errorBit | uint64(code) }

// Unpack returns what Pack or PackError put together. failed says which; then code is the error's.
func Unpack(result uint64) (ptr, length, code uint32, failed bool) {
	if result&errorBit != 0 {
		return 0, 0, uint32(result), true
	}
	return uint32(result >> 32), uint32(result), 0, false
}

// CheckVersion reports why a guest built for a version of the contract cannot be used.
func CheckVersion(version uint32) error {
	major, minor := version>>16, version&0xffff
	switch {
	case major != Major:
		return fmt.Errorf("it is built for version %d.%d of the plugin contract, and this is %d.%d", major, minor, Major, Minor)
	case minor > Minor:
		return fmt.Errorf("it needs version %d.%d of the plugin contract, and this is %d.%d", major, minor, Major, Minor)
	}
	return nil
}
