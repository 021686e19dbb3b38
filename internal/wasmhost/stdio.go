package wasmhost

import (
	"bytes"
	"encoding/json"
	"iter"

	"github.com/tetratelabs/wazero/api"

	"github.com/kvasir-cache/kvasir/hostapi"
	"github.com/kvasir-cache/kvasir/internal/wasmhost/meter"
)

// stdioProfile is a program: it has a main function that reads lines from standard input and writes a line to
// standard output for each. docs/plugins/stdio.md says what the lines are. Any language that compiles to
// WASI can do that, with no library of ours.
//
// The program runs as a coroutine of the calls. It is left where it asks for a line that nobody has
// written yet, and goes on there with the next call. So a call costs no goroutine and no wait for one.
type stdioProfile struct{}

// maxLine bounds an answer: the longest text, with every byte escaped, fits.
const maxLine = 8 << 20

// exportStart is the main function of a program.
const exportStart = "_start"

func (stdioProfile) check(m *rewritten) (roleSet, error) {
	for _, i := range m.imports {
		if i.Module != hostapi.ImportWASI {
			return 0, faultf(hostapi.ErrLoad, "it imports %q.%q, and a program that reads and writes lines can import only %s; "+
				"to use host functions, build a module that exports %s", i.Module, i.Name, hostapi.ImportWASI, hostapi.ExportVersion)
		}
	}
	if _, err := m.function(exportStart, typeVoid, true); err != nil {
		return 0, err
	}
	if e, ok := m.export(hostapi.ExportMemory); !ok || e.Kind != meter.KindMemory {
		return 0, faultf(hostapi.ErrLoad, "it exports no memory named %q", hostapi.ExportMemory)
	}
	return rolesOf(allRoles), nil // its manifest says which
}

func (stdioProfile) open(in *instance) (guest, error) {
	c := &stdio{in: in, start: in.module.ExportedFunction(exportStart)}
	c.encoder = json.NewEncoder(&c.line)
	c.encoder.SetEscapeHTML(false)
	c.resume, c.stop = iter.Pull(c.run)
	return c, nil
}

// stdio speaks lines with one program.
type stdio struct {
	in    *instance
	start api.Function

	line    bytes.Buffer // the request
	encoder *json.Encoder
	unread  []byte // what of it the program has not read
	reply   []byte // what it has written since

	resume func() (struct{}, bool) // runs the program until it wants a line
	stop   func()                  // makes it end there
	yield  func(struct{}) bool     // leaves the program; false means that it is to end
	err    error                   // why it ended
}

func (c *stdio) run(yield func(struct{}) bool) {
	c.yield = yield
	c.err = c.start.CallWithStack(c.in, nil)
}

// read gives the program bytes of the request. Where it has read them all, it is left until there is
// another.
func (c *stdio) read(b []byte) int {
	if len(c.unread) == 0 && !c.yield(struct{}{}) {
		panic(&fault{reason: hostapi.ErrClosed}) // nobody sees it
	}
	n := copy(b, c.unread)
	c.unread = c.unread[n:]
	return n
}

func (c *stdio) buffered() bool { return len(c.unread) > 0 }

// wrote takes what the program writes to standard output.
func (c *stdio) wrote(b []byte) {
	if len(c.reply)+len(b) > maxLine {
		panic(broke("a line has more than %d bytes", maxLine))
	}
	c.reply = append(c.reply, b...)
}

// ask writes a request and returns the line that answers it. It is valid until the next request.
func (c *stdio) ask(request any) ([]byte, error) {
	if c.line.Cap()+cap(c.reply) > maxKept {
		c.line, c.reply = bytes.Buffer{}, nil
	}
	c.line.Reset()
	if err := c.encoder.Encode(request); err != nil {
		return nil, err
	}
	c.unread = c.line.Bytes()
	c.reply = c.reply[:0]
	if _, waits := c.resume(); !waits {
		if c.err != nil {
			return nil, c.err
		}
		return nil, faultf(hostapi.ErrTrap, "its main function returned instead of reading the next line")
	}
	return c.answer()
}

// answer returns the one line that there must be when the program reads on.
func (c *stdio) answer() ([]byte, error) {
	line, more, ended := bytes.Cut(c.reply, []byte("\n"))
	switch {
	case len(c.unread) > 0 || len(c.reply) == 0:
		return nil, broke("it read on without an answer; each line is answered by one, and then standard output is flushed")
	case !ended:
		return nil, broke("its answer %q has no end of line", cut(string(line), 60))
	case len(more) > 0:
		return nil, broke("it wrote more than one line: %q follows the answer", cut(string(more), 60))
	}
	return line, nil
}

func (c *stdio) close() { c.stop() }
