package openai

import (
	"fmt"
	"strconv"
	"strings"
)

// maxRepeat is how often llama.cpp repeats a part of a grammar at most.
const maxRepeat = 2000

// maxGrammar bounds a grammar, in bytes, as the inference host does.
const maxGrammar = 256 << 10

// grammar collects the rules of a grammar in GBNF. Every schema becomes a rule of its own, so that groups do
// not nest.
//
// The syntax: https://github.com/ggml-org/llama.cpp/blob/master/grammars/README.md
type grammar struct {
	text  strings.Builder
	known map[string]bool
	count int
}

// common are rules that several schemas share, with the rules they need.
var common = map[string]struct {
	rule  string
	needs []string
}{
	"ws":      {rule: `" "?`}, // every token costs time, and models wander in white space
	"char":    {rule: `[^"\\\x7F\x00-\x1F] | "\\" ( ["\\/bfnrt] | "u" [0-9a-fA-F]{4} )`},
	"string":  {`"\"" char* "\""`, []string{"char"}},
	"whole":   {rule: `"0" | [1-9] [0-9]{0,15}`},
	"integer": {`"-"? whole`, []string{"whole"}},
	"rest":    {rule: `( "." [0-9]{1,16} )? ( [eE] [-+]? [0-9]{1,3} )?`},
	"number":  {`integer rest`, []string{"integer", "rest"}},
	"boolean": {rule: `"true" | "false"`},
	"null":    {rule: `"null"`},
	"value":   {`object | array | string | number | boolean | null`, []string{"object", "array", "string", "number", "boolean", "null"}},
	"member":  {`string ":" ws value`, []string{"string", "ws", "value"}},
	"object":  {`"{" ws ( member ( "," ws member )* ws )? "}"`, []string{"ws", "member"}},
	"array":   {`"[" ws ( value ( "," ws value )* ws )? "]"`, []string{"ws", "value"}},
	"date":    {rule: `[0-9]{4} "-" ( "0" [1-9] | "1" [0-2] ) "-" ( "0" [1-9] | [12] [0-9] | "3" [01] )`},
	"time":    {rule: `( [01] [0-9] | "2" [0-3] ) ":" [0-5] [0-9] ":" [0-5] [0-9] ( "." [0-9]{1,9} )? ( "Z" | [+-] ( [01] [0-9] | "2" [0-3] ) ":" [0-5] [0-9] )`},
	"uuid":    {rule: `[0-9a-f]{8} "-" [0-9a-f]{4} "-" [0-9a-f]{4} "-" [0-9a-f]{4} "-" [0-9a-f]{12}`},
}

// use makes sure that a common rule is there, and returns its name.
func (g *grammar) use(name string) string {
	if !g.known[name] {
		g.known[name] = true
		for _, needed := range common[name].needs {
			g.use(needed)
		}
		g.define(name, common[name].rule)
	}
	return name
}

func newGrammar() *grammar { return &grammar{known: map[string]bool{}} }

func (g *grammar) define(name, rule string) { fmt.Fprintf(&g.text, "%s ::= %s\n", name, rule) }

// name returns the name of a new rule.
func (g *grammar) name() string {
	g.count++
	return "r" + strconv.Itoa(g.count)
}

// add makes a rule and returns its name.
func (g *grammar) add(rule string) string {
	name := g.name()
	g.define(name, rule)
	return name
}

// anyObject is the grammar of any JSON object.
func anyObject() string {
	g := newGrammar()
	g.define("root", g.use("object"))
	return g.text.String()
}

// literal writes a text as GBNF has it.
func literal(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\t", `\t`).Replace(text) + `"`
}

// repeat says how often something comes; most < 0 is no limit.
func repeat(what string, least, most int) string {
	switch {
	case most == 0:
		return ""
	case most < 0 && least == 0:
		return what + "*"
	case most < 0:
		return fmt.Sprintf("%s{%d,}", what, least)
	}
	return fmt.Sprintf("%s{%d,%d}", what, least, most)
}
