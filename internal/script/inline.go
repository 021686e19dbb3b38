package script

import (
	"errors"
	"fmt"

	"go.starlark.net/syntax"

	"github.com/kvasir-cache/kvasir/hostapi"
)

// Inline returns the options for a plugin that is made of expressions, one for each role, as
// configuration holds them:
//
//	on_hit = 'reject("stale") if ev.entry.age_ms > 3600*1000 else None'
//
// An expression sees what the function of its role gets: ev in hooks, text in normalize, texts in
// features, query and candidates in score. Positions in errors begin with the role.
func Inline(expressions map[hostapi.Role]string) Options {
	if expressions == nil {
		expressions = map[hostapi.Role]string{}
	}
	return Options{Inline: expressions}
}

// inline returns the tree of a file with a function for each expression.
func inline(expressions map[hostapi.Role]string) (*syntax.File, error) {
	file := &syntax.File{Path: "expressions", Options: dialect}
	for _, role := range hostapi.Roles() {
		text, ok := expressions[role]
		if !ok {
			continue
		}
		def, err := define(role, text)
		if err != nil {
			return nil, err
		}
		file.Stmts = append(file.Stmts, def)
	}
	if len(file.Stmts) != len(expressions) {
		return nil, fmt.Errorf("want one of %q for each expression", hostapi.Roles())
	}
	if len(expressions) == 0 {
		return nil, errors.New("there is no expression")
	}
	return file, nil
}

// define returns def role(…): return text.
func define(role hostapi.Role, text string) (*syntax.DefStmt, error) {
	name := string(role)
	if len(text) > MaxSource {
		return nil, tooLong(name, int64(len(text)))
	}
	e, err := dialect.ParseExpr(name, text, 0)
	if err != nil {
		return nil, err
	}
	at := syntax.MakePosition(&name, 1, 1)
	def := &syntax.DefStmt{
		Def: at, Name: &syntax.Ident{NamePos: at, Name: name}, Lparen: at, Rparen: at,
		Body: []syntax.Stmt{&syntax.ReturnStmt{Return: at, Result: e}},
	}
	for _, param := range paramsOf(role) {
		def.Params = append(def.Params, &syntax.Ident{NamePos: at, Name: param})
	}
	return def, nil
}
