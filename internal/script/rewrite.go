package script

import (
	"fmt"
	"math/big"

	"go.starlark.net/syntax"

	"github.com/kvasir-cache/kvasir/hostapi"
)

// rewriter puts calls of guarded functions in the place of everything that may work in proportion to
// its operands. It keeps the first thing a file may not say.
type rewriter struct {
	err   error
	depth int // of the expression at hand
}

// maxNesting is how deep an expression may be nested, also to the left, as a sum of many terms is. The
// compiler calls itself that deep.
const maxNesting = 1000

// rewrite changes file and reports what in it is not allowed.
func rewrite(file *syntax.File) error {
	var r rewriter
	for _, s := range file.Stmts {
		if def, ok := s.(*syntax.DefStmt); ok {
			guardReturns(def)
		}
	}
	r.stmts(file.Stmts)
	return r.err
}

func (r *rewriter) refuse(pos syntax.Position, format string, args ...any) {
	if r.err == nil {
		r.err = syntax.Error{Pos: pos, Msg: fmt.Sprintf(format, args...)}
	}
}

// call returns fn(args…) at pos.
func call(pos syntax.Position, fn string, args ...syntax.Expr) *syntax.CallExpr {
	return &syntax.CallExpr{
		Fn:     &syntax.Ident{NamePos: pos, Name: fn},
		Lparen: pos, Args: args, Rparen: pos,
	}
}

// guardReturns makes what a function returns checked where it returns it, if the function is a role.
func guardReturns(def *syntax.DefStmt) {
	role := hostapi.Role(def.Name.Name)
	if !checksResult(role) {
		return
	}
	for _, s := range def.Body {
		syntax.Walk(s, func(n syntax.Node) bool {
			switch n := n.(type) {
			case *syntax.DefStmt: // a function inside returns something else
				return false
			case *syntax.ReturnStmt:
				if n.Result != nil {
					n.Result = call(n.Return, resultName(role), n.Result)
				}
			}
			return true
		})
	}
}

func (r *rewriter) stmts(list []syntax.Stmt) {
	for _, s := range list {
		r.stmt(s)
	}
}

func (r *rewriter) stmt(s syntax.Stmt) {
	switch s := s.(type) {
	case *syntax.AssignStmt:
		r.assign(s)
	case *syntax.DefStmt:
		r.params(s.Params)
		r.stmts(s.Body)
	case *syntax.ExprStmt:
		s.X = r.expr(s.X)
	case *syntax.ForStmt:
		s.Vars, s.X = r.expr(s.Vars), r.expr(s.X)
		r.stmts(s.Body)
	case *syntax.IfStmt:
		s.Cond = r.expr(s.Cond)
		r.stmts(s.True)
		r.stmts(s.False)
	case *syntax.LoadStmt:
		r.refuse(s.Load, "a script is one file: load is not allowed")
	case *syntax.ReturnStmt:
		if s.Result != nil {
			s.Result = r.expr(s.Result)
		}
	case *syntax.WhileStmt:
		r.refuse(s.While, "while is not allowed: use for and range")
	case *syntax.BranchStmt:
	default:
		start, _ := s.Span()
		r.refuse(start, "unknown statement")
	}
}

// operatorOf maps op= to op.
var operatorOf = map[syntax.Token]syntax.Token{
	syntax.PLUS_EQ: syntax.PLUS, syntax.MINUS_EQ: syntax.MINUS, syntax.STAR_EQ: syntax.STAR,
	syntax.SLASH_EQ: syntax.SLASH, syntax.SLASHSLASH_EQ: syntax.SLASHSLASH, syntax.PERCENT_EQ: syntax.PERCENT,
	syntax.AMP_EQ: syntax.AMP, syntax.PIPE_EQ: syntax.PIPE, syntax.CIRCUMFLEX_EQ: syntax.CIRCUMFLEX,
	syntax.LTLT_EQ: syntax.LTLT, syntax.GTGT_EQ: syntax.GTGT,
}

// assign makes x = x op y of x op= y. x is evaluated twice then, so it may do nothing but name a place.
func (r *rewriter) assign(s *syntax.AssignStmt) {
	if s.Op == syntax.EQ {
		s.LHS, s.RHS = r.expr(s.LHS), r.expr(s.RHS)
		return
	}
	if !isPlace(s.LHS) {
		r.refuse(s.OpPos, "the left side of %s may call nothing: name its parts first", s.Op)
		return
	}
	op := operatorOf[s.Op]
	s.Op, s.LHS = syntax.EQ, r.expr(s.LHS)
	s.RHS = call(s.OpPos, inPlaceName(op), s.LHS, r.expr(s.RHS))
}

func inPlaceName(op syntax.Token) string {
	switch op {
	case syntax.PLUS:
		return guardAdd
	case syntax.PIPE:
		return guardUnite
	}
	return operatorName(op)
}

func isPlace(e syntax.Expr) bool {
	switch e := e.(type) {
	case *syntax.Ident, *syntax.Literal:
		return true
	case *syntax.DotExpr:
		return isPlace(e.X)
	case *syntax.IndexExpr:
		return isPlace(e.X) && isPlace(e.Y)
	case *syntax.ParenExpr:
		return isPlace(e.X)
	case *syntax.UnaryExpr:
		return e.X != nil && isPlace(e.X)
	case *syntax.BinaryExpr:
		return isPlace(e.X) && isPlace(e.Y)
	}
	return false
}

// params rewrites the defaults of parameters. A parameter is x, x=y, *, *x or **x.
func (r *rewriter) params(list []syntax.Expr) {
	for _, p := range list {
		if p, ok := p.(*syntax.BinaryExpr); ok {
			p.Y = r.expr(p.Y)
		}
	}
}

func (r *rewriter) exprs(list []syntax.Expr) {
	for i := range list {
		list[i] = r.expr(list[i])
	}
}

// optional is expr for what may be left out: nil stays nil.
func (r *rewriter) optional(e syntax.Expr) syntax.Expr {
	if e == nil {
		return nil
	}
	return r.expr(e)
}

func (r *rewriter) expr(e syntax.Expr) syntax.Expr {
	r.depth++
	defer func() { r.depth-- }()
	if r.depth > maxNesting {
		r.refuse(syntax.End(e), "the expression is nested more than %d deep", maxNesting)
		return e
	}
	switch e := e.(type) {
	case *syntax.Ident:
	case *syntax.Literal:
		r.literal(e)
	case *syntax.ParenExpr:
		e.X = r.expr(e.X)
	case *syntax.ListExpr:
		r.exprs(e.List)
	case *syntax.TupleExpr:
		r.exprs(e.List)
	case *syntax.CondExpr:
		e.Cond, e.True, e.False = r.expr(e.Cond), r.expr(e.True), r.expr(e.False)
	case *syntax.LambdaExpr:
		r.params(e.Params)
		e.Body = r.expr(e.Body)
	case *syntax.DictExpr:
		r.dict(e)
	case *syntax.Comprehension:
		r.comprehension(e)
	case *syntax.UnaryExpr:
		e.X = r.optional(e.X)
	case *syntax.BinaryExpr:
		return r.binary(e)
	case *syntax.DotExpr:
		return r.dot(e)
	case *syntax.IndexExpr:
		e.X, e.Y = r.expr(e.X), r.key(e.Lbrack, e.Y)
	case *syntax.SliceExpr:
		return r.slice(e)
	case *syntax.CallExpr:
		return r.call(e)
	default:
		start, _ := e.Span()
		r.refuse(start, "unknown expression")
	}
	return e
}

func (r *rewriter) literal(e *syntax.Literal) {
	if i, ok := e.Value.(*big.Int); ok && i.BitLen() > maxBits {
		r.refuse(e.TokenPos, "the number has more than %d bits", maxBits)
	}
}

func (r *rewriter) dict(e *syntax.DictExpr) {
	for _, item := range e.List {
		r.entry(item.(*syntax.DictEntry))
	}
}

func (r *rewriter) entry(e *syntax.DictEntry) {
	e.Key, e.Value = r.key(e.Colon, e.Key), r.expr(e.Value)
}

// key guards an expression whose value is hashed.
func (r *rewriter) key(pos syntax.Position, e syntax.Expr) syntax.Expr {
	if isNumber(e) || isLiteral(e) {
		return r.expr(e)
	}
	return call(pos, guardKey, r.expr(e))
}

func (r *rewriter) comprehension(e *syntax.Comprehension) {
	switch body := e.Body.(type) {
	case *syntax.DictEntry:
		r.entry(body)
	default:
		e.Body = r.expr(body)
		if e.Curly { // a set: its elements are hashed
			e.Body = call(e.Lbrack, guardKey, e.Body)
		}
	}
	for _, c := range e.Clauses {
		switch c := c.(type) {
		case *syntax.ForClause:
			c.Vars, c.X = r.expr(c.Vars), r.expr(c.X)
		case *syntax.IfClause:
			c.Cond = r.expr(c.Cond)
		}
	}
}

func (r *rewriter) binary(e *syntax.BinaryExpr) syntax.Expr {
	native := e.Op == syntax.AND || e.Op == syntax.OR || isNative(e)
	e.X, e.Y = r.expr(e.X), r.expr(e.Y)
	switch {
	case native:
		return e
	case binaryOps[e.Op] == nil && !comparisons[e.Op]:
		r.refuse(e.OpPos, "%s is not allowed here", e.Op)
		return e
	}
	return call(e.OpPos, operatorName(e.Op), e.X, e.Y)
}

// isNative reports whether the operands, as they are written, keep an operator cheap: numbers only; or
// one number, for operators that no list or text has with a number; or a comparison with a literal.
func isNative(e *syntax.BinaryExpr) bool {
	x, y := isNumber(e.X), isNumber(e.Y)
	switch e.Op {
	case syntax.PLUS, syntax.MINUS:
		return x || y
	case syntax.STAR, syntax.SLASH, syntax.SLASHSLASH:
		return x && y
	}
	return comparisons[e.Op] && (x || y || isLiteral(e.X) || isLiteral(e.Y))
}

// isNumber reports whether e is made of a few written numbers only.
func isNumber(e syntax.Expr) bool { return isNumberWithin(e, 4) }

func isNumberWithin(e syntax.Expr, depth int) bool {
	switch e := e.(type) {
	case *syntax.Literal:
		_, big := e.Value.(*big.Int)
		return (e.Token == syntax.INT || e.Token == syntax.FLOAT) && !big
	case *syntax.ParenExpr:
		return depth > 0 && isNumberWithin(e.X, depth-1)
	case *syntax.UnaryExpr:
		return depth > 0 && e.Op == syntax.MINUS && isNumberWithin(e.X, depth-1)
	case *syntax.BinaryExpr:
		switch e.Op {
		case syntax.PLUS, syntax.MINUS, syntax.STAR:
			return depth > 0 && isNumberWithin(e.X, depth-1) && isNumberWithin(e.Y, depth-1)
		}
	}
	return false
}

func isLiteral(e syntax.Expr) bool {
	_, ok := e.(*syntax.Literal)
	return ok
}

func (r *rewriter) dot(e *syntax.DotExpr) syntax.Expr {
	if methods[e.Name.Name] != nil {
		r.refuse(e.Dot, "%s is a method: write it where it is called, as in x.%s()", e.Name.Name, e.Name.Name)
	}
	e.X = r.expr(e.X)
	return e
}

func (r *rewriter) slice(e *syntax.SliceExpr) syntax.Expr {
	part := func(x syntax.Expr) syntax.Expr {
		if x == nil {
			return &syntax.Ident{NamePos: e.Lbrack, Name: guardNone}
		}
		return r.expr(x)
	}
	return call(e.Lbrack, guardSlice, r.expr(e.X), part(e.Lo), part(e.Hi), part(e.Step))
}

func (r *rewriter) call(e *syntax.CallExpr) syntax.Expr {
	for i, arg := range e.Args {
		e.Args[i] = r.arg(arg)
	}
	if method, ok := e.Fn.(*syntax.DotExpr); ok && methods[method.Name.Name] != nil {
		e.Args = append([]syntax.Expr{r.expr(method.X)}, e.Args...)
		e.Fn = &syntax.Ident{NamePos: method.NamePos, Name: methodName(method.Name.Name)}
		return e
	}
	e.Fn = r.expr(e.Fn)
	return e
}

// arg rewrites x, name=x, *x or **x.
func (r *rewriter) arg(e syntax.Expr) syntax.Expr {
	switch x := e.(type) {
	case *syntax.BinaryExpr:
		if x.Op == syntax.EQ {
			x.Y = r.expr(x.Y)
			return x
		}
	case *syntax.UnaryExpr:
		if x.Op == syntax.STAR || x.Op == syntax.STARSTAR {
			x.X = call(x.OpPos, guardArgs, r.expr(x.X))
			return x
		}
	}
	return r.expr(e)
}
