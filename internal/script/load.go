package script

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"unicode/utf8"

	"go.starlark.net/resolve"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"github.com/kvasir-cache/kvasir/hostapi"
)

// Options say what to load. One of Path, Source and Inline is the script.
type Options struct {
	Path   string                  // a file
	Source string                  // the text of a file
	Inline map[hostapi.Role]string // an expression for each role: see Inline

	Name   string          // of the plugin; also what positions in Source are said to be in
	Config json.RawMessage // an object, which scripts see as config; none is an empty one
	Limits hostapi.Limits  // the most it gets; 0 means DefaultSteps and DefaultMemory
	Logger *slog.Logger    // for the lines that the script writes; nil means silence
}

const (
	// DefaultSteps is the step limit of a normalize or hook call, worth about 5 ms. Scoring and features
	// have five times as many, and so has the load.
	DefaultSteps = 250_000
	// DefaultMemory is how many bytes guarded operations of one call may allocate in all.
	DefaultMemory = 64 << 20
	// MaxSource is how many bytes a script may have.
	MaxSource = 256 << 10
	// scoringFactor is how many times the steps of a hook a lookup's scoring has.
	scoringFactor = 5
)

// dialect is Starlark as the specification has it, with sets: no while, no recursion, no statements but
// definitions and assignments at the top.
var dialect = &syntax.FileOptions{Set: true}

// Load reads a script, runs its top level once and returns its functions as a plugin. Errors wrap
// hostapi.ErrLoad and say where in the script they are; ctx bounds the load.
func Load(ctx context.Context, o Options) (hostapi.Plugin, error) {
	p, err := load(ctx, o)
	if err != nil {
		return nil, loadError(o.Name, err)
	}
	return p, nil
}

// loadError keeps why the top level could not be run, as text: whatever it was, there is no plugin.
func loadError(name string, err error) error {
	e := &hostapi.Error{Plugin: name, Call: "load", Reason: hostapi.ErrLoad, Text: err.Error()}
	var run *hostapi.Error
	if errors.As(err, &run) {
		e.Text, e.Wall, e.Cause = run.Text, run.Wall, run.Cause
		if run.Reason != hostapi.ErrTrap {
			e.Text = run.Reason.Error() + ": " + run.Text
		}
	}
	return e
}

func load(ctx context.Context, o Options) (*plugin, error) {
	file, err := parse(o)
	if err != nil {
		return nil, located(err)
	}
	config, err := decodeConfig(o.Config)
	if err != nil {
		return nil, err
	}
	p := &plugin{name: o.Name, log: o.Logger, limits: withDefaults(o.Limits)}
	if p.log == nil {
		p.log = slog.New(slog.DiscardHandler)
	}
	predeclared := environment(p.log)
	predeclared["config"] = config
	program, err := compile(file, predeclared)
	if err != nil {
		return nil, located(err)
	}
	return p, p.start(ctx, program, predeclared)
}

func withDefaults(l hostapi.Limits) hostapi.Limits {
	if l.Steps == 0 {
		l.Steps = DefaultSteps
	}
	if l.MemoryBytes == 0 {
		l.MemoryBytes = DefaultMemory
	}
	return l
}

// environment is everything that a script can name without defining it, but config.
func environment(log *slog.Logger) starlark.StringDict {
	all := starlark.StringDict{}
	for _, part := range []starlark.StringDict{
		operators(), methodGuards(), functionGuards(), verbGuards(), resultGuards(), library(log),
	} {
		for name, v := range part {
			all[name] = v
		}
	}
	return all
}

// parse returns the syntax tree of the script.
func parse(o Options) (*syntax.File, error) {
	given := 0
	for _, is := range []bool{o.Path != "", o.Source != "", o.Inline != nil} {
		if is {
			given++
		}
	}
	if given != 1 {
		return nil, errors.New("want a path, a source or expressions, and one of them only")
	}
	switch {
	case o.Inline != nil:
		return inline(o.Inline)
	case o.Path != "":
		text, err := readSource(o.Path)
		if err != nil {
			return nil, err
		}
		return parseFile(o.Path, text)
	case o.Name == "":
		return parseFile("script", o.Source)
	}
	return parseFile(o.Name, o.Source)
}

func readSource(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if info.Size() > MaxSource {
		return "", tooLong(path, info.Size())
	}
	text, err := os.ReadFile(path)
	return string(text), err
}

func tooLong(path string, size int64) error {
	return fmt.Errorf("%s: %d bytes, at most %d are allowed", path, size, MaxSource)
}

func parseFile(name, text string) (*syntax.File, error) {
	if len(text) > MaxSource {
		return nil, tooLong(name, int64(len(text)))
	}
	if !utf8.ValidString(text) {
		return nil, fmt.Errorf("%s: it is not valid UTF-8", name)
	}
	return dialect.Parse(name, text, 0)
}

// compile rewrites the tree, so that every operation is charged for, and compiles it.
func compile(file *syntax.File, predeclared starlark.StringDict) (program *starlark.Program, err error) {
	defer func() {
		if r := recover(); r != nil { // the compiler panics on what it cannot express
			err = fmt.Errorf("%s: %v", file.Path, r)
		}
	}()
	if err := rewrite(file); err != nil {
		return nil, err
	}
	return starlark.FileProgram(file, predeclared.Has)
}

// maxMistakes is how many mistakes an error lists.
const maxMistakes = 10

// located returns err with all its positions, if it has some.
func located(err error) error {
	var list resolve.ErrorList
	if !errors.As(err, &list) {
		return err
	}
	var lines []string
	for i, e := range list {
		if i == maxMistakes {
			lines = append(lines, fmt.Sprintf("and %d more", len(list)-i))
			break
		}
		lines = append(lines, e.Error())
	}
	return errors.New(strings.Join(lines, "\n"))
}
