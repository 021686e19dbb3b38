// Package report holds what reports of measurements are written with: aligned text for a terminal, and
// charts on a page that loads nothing from elsewhere.
//
//	var page = report.Page(source, template.FuncMap{...})
//	p := report.Plot{Title: "Time", Lines: []report.Line{...}}
//
// It knows nothing of what is measured.
package report
