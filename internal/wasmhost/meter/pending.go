package meter

// stepWeight is how many instructions in a row one step pays for.
const stepWeight = 512

// noPath marks a place that no path reaches.
const noPath = -1

// pending follows, along the text of a function, the most instructions any path may have executed
// since its last charge. It stays below stepWeight: an instruction that would bring it there is
// charged for in advance. A label takes the most of the paths that meet there; a loop begins again
// at zero, because each iteration is charged and pays for what led to it, as the charge on entry
// pays for what is left when the function returns. Calls leave it alone: the callee's own entry
// pays for the callee.
type pending struct {
	now    int // noPath where the code cannot be reached
	frames []frame
}

// frame is one open block.
type frame struct {
	op      byte // opBlock, opLoop, opIf or, once that was seen, opElse
	params  int
	results int
	start   int // pending at the start, which is where an else begins
	atEnd   int // most of the branches to its end
}

// add counts an instruction and returns the steps to charge before it.
func (p *pending) add(weight int) (steps int) {
	if p.now == noPath {
		return 0
	}
	p.now += weight
	steps = p.now / stepWeight
	p.now %= stepWeight
	return steps
}

func (p *pending) reachable() bool { return p.now != noPath }

// stop marks what follows as reached by no path.
func (p *pending) stop() { p.now = noPath }

// open enters a block. The caller charges a step inside a loop.
func (p *pending) open(op byte, params, results int) {
	if op == opLoop && p.reachable() {
		p.now = 0
	}
	p.frames = append(p.frames, frame{op: op, params: params, results: results, start: p.now, atEnd: noPath})
}

func (p *pending) top() *frame { return &p.frames[len(p.frames)-1] }

// label returns the block a branch of that depth leaves, or begins again if it is a loop.
func (p *pending) label(depth uint32) *frame { return &p.frames[len(p.frames)-1-int(depth)] }

// arity is how many values a branch to the block moves.
func (f *frame) arity() int {
	if f.op == opLoop {
		return f.params
	}
	return f.results
}

// branch carries what is pending to a label. A loop's label needs nothing: it is charged there.
func (p *pending) branch(depth uint32) {
	if f := p.label(depth); f.op != opLoop {
		f.atEnd = max(f.atEnd, p.now)
	}
}

// turn begins the else of the innermost block, an if.
func (p *pending) turn() {
	f := p.top()
	f.op = opElse
	f.atEnd = max(f.atEnd, p.now)
	p.now = f.start
}

// close leaves the innermost block.
func (p *pending) close() {
	f := p.top()
	p.now = max(p.now, f.atEnd)
	if f.op == opIf {
		p.now = max(p.now, f.start) // the path around it
	}
	p.frames = p.frames[:len(p.frames)-1]
}
