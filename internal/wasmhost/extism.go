package wasmhost

import (
	"encoding/json"
	"unicode/utf8"

	"github.com/tetratelabs/wazero/api"

	"github.com/kvasir-cache/kvasir/hostapi"
)

// extismProfile is a module made with a plugin kit of Extism. It exports functions of type () -> i32, which
// return 0 for success, named as the roles are: normalize, features, score, explain, on_lookup and so on. Input and
// output are kept by the host:
//
//	manifest    Init as JSON          to  Manifest as JSON; the function may be absent
//	normalize   text                  to  text
//	features    {"texts": […]}        to  {"sets": [[…], …]}
//	score       {"query": …, "candidates": […]}  to  {"scores": […]}
//	explain     {"query": …, "candidate": …}     to  Explanation as JSON
//	on_…        Event as JSON         to  Decision as JSON, or nothing
type extismProfile struct{}

const (
	importExtism   = "extism:host/env"
	exportManifest = "manifest"
	typeExtism     = "() -> (i32)"
)

func (extismProfile) check(m *rewritten) (roleSet, error) {
	for _, f := range []struct{ name, signature string }{
		{hostapi.ExportInitialize, typeVoid}, {exportManifest, typeExtism},
	} {
		if _, err := m.function(f.name, f.signature, false); err != nil {
			return 0, err
		}
	}
	var roles roleSet
	for _, r := range allRoles {
		found, err := m.function(string(r), typeExtism, false)
		if err != nil {
			return 0, err
		}
		if found {
			roles |= bit(r)
		}
	}
	if len(roles.list()) == 0 {
		return 0, faultf(hostapi.ErrLoad, "it imports from %s and exports no function of a role, such as %q of type %s",
			importExtism, hostapi.RoleNormalize, typeExtism)
	}
	return roles, nil
}

func (extismProfile) open(in *instance) (guest, error) {
	e := &extism{in: in, functions: map[string]api.Function{}, vars: map[string][]byte{}}
	for _, r := range allRoles {
		if f := in.module.ExportedFunction(string(r)); f != nil {
			e.functions[string(r)] = f
		}
	}
	if f := in.module.ExportedFunction(exportManifest); f != nil {
		e.functions[exportManifest] = f
	}
	e.memory.reset(in.plugin.memoryLimit)
	return e, nil
}

// extism speaks with one instance of such a module.
type extism struct {
	in        *instance
	functions map[string]api.Function
	memory    arena
	input     block
	output    block
	stack     [1]uint64

	vars      map[string][]byte
	varsBytes int
}

// call calls a function about an input and returns its output, which is valid until the next call.
func (e *extism) call(name string, input []byte) ([]byte, error) {
	e.memory.reset(e.in.plugin.memoryLimit)
	e.output = block{}
	e.input = e.memory.alloc(uint64(len(input)))
	copy(e.memory.bytes(e.input), input)
	if err := e.functions[name].CallWithStack(e.in, e.stack[:]); err != nil {
		return nil, err
	}
	if code := uint32(e.stack[0]); code != 0 {
		return nil, &fault{reason: hostapi.ErrFailed, text: reported(e.in.said, code)}
	}
	return e.memory.bytes(e.output), nil
}

// pure forgets the variables, so that what a pure function returns depends on its input alone.
func (e *extism) pure() { clear(e.vars); e.varsBytes = 0 }

func (e *extism) init(about *hostapi.Init) ([]byte, error) {
	if e.functions[exportManifest] == nil {
		return nil, nil
	}
	told := *about
	told.Features = []string{} // they are of another module
	data, err := json.Marshal(&told)
	if err != nil {
		return nil, err
	}
	out, err := e.call(exportManifest, data)
	if err != nil {
		return nil, err
	}
	if len(out) > hostapi.MaxJSON {
		return nil, broke("%s returned %d bytes, at most %d are allowed", exportManifest, len(out), hostapi.MaxJSON)
	}
	return append([]byte(nil), out...), nil
}

func (e *extism) normalize(text string) (string, error) {
	e.pure()
	out, err := e.call(string(hostapi.RoleNormalize), []byte(text))
	if err != nil {
		return "", err
	}
	return normalForm(out, text)
}

// ask calls a pure function with JSON.
func (e *extism) ask(r hostapi.Role, q *extismRequest) ([]byte, error) {
	e.pure()
	data, err := json.Marshal(q)
	if err != nil {
		return nil, err
	}
	out, err := e.call(string(r), data)
	if err == nil && len(out) > hostapi.MaxFrame {
		return nil, broke("%s: the output has %d bytes, at most %d are allowed", r, len(out), hostapi.MaxFrame)
	}
	return out, err
}

type extismRequest struct {
	Texts      []string `json:"texts,omitempty"`
	Query      *string  `json:"query,omitempty"`
	Candidates []string `json:"candidates,omitempty"`
	Candidate  *string  `json:"candidate,omitempty"`
}

func (e *extism) features(texts []string) ([][]uint64, error) {
	out, err := e.ask(hostapi.RoleFeatures, &extismRequest{Texts: texts})
	if err != nil {
		return nil, err
	}
	var r struct {
		Sets [][]uint64 `json:"sets"`
	}
	if err := decodeJSON("features", out, &r); err != nil {
		return nil, err
	}
	return r.Sets, hostapi.CheckFeatures(r.Sets, len(texts))
}

func (e *extism) score(query string, candidates []string) ([]float32, error) {
	out, err := e.ask(hostapi.RoleScore, &extismRequest{Query: &query, Candidates: candidates})
	if err != nil {
		return nil, err
	}
	var r struct {
		Scores []float32 `json:"scores"`
	}
	if err := decodeJSON("scores", out, &r); err != nil {
		return nil, err
	}
	return r.Scores, hostapi.CheckScores(r.Scores, len(candidates))
}

func (e *extism) explain(query, candidate string) (*hostapi.Explanation, error) {
	out, err := e.ask(roleExplain, &extismRequest{Query: &query, Candidate: &candidate})
	if err != nil {
		return nil, err
	}
	return hostapi.DecodeExplanation(out)
}

func (e *extism) hook(r hostapi.Role, event []byte) (*hostapi.Decision, error) {
	out, err := e.call(string(r), event)
	if err != nil {
		return nil, err
	}
	return decision(r, out)
}

func (e *extism) close() {}

// text reads a block as a text of at most limit bytes.
func (e *extism) text(what string, offset uint64, limit int) string {
	b := e.memory.bytes(e.memory.find(offset))
	if len(b) > limit || !utf8.Valid(b) {
		panic(broke("%s: the block at %d is no text of at most %d bytes", what, offset, limit))
	}
	e.in.charge(uint64(len(b)) / bytesCopied)
	return string(b)
}
