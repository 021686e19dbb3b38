package report

import (
	_ "embed"
	"html/template"
	"maps"
)

//go:embed parts.html
var parts string

// Page parses the source of a page. It may use the templates head, which takes the title, with the style of
// all pages, and plot, which takes a Plot; and the function text, which bounds a text of the data. Parse it
// when it is first written, not at every start of the program.
func Page(source string, functions template.FuncMap) *template.Template {
	all := template.FuncMap{"text": func(text string) string { return Shorten(text, 600) }}
	maps.Copy(all, functions)
	t := template.Must(template.New("page").Funcs(all).Parse(parts))
	return template.Must(t.Parse(source))
}
