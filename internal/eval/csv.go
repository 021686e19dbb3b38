package eval

import (
	"encoding/csv"
	"io"
	"strconv"
)

// csvHeader names the columns. part is total, kind, curve_guard or curve_score; name is that of the kind, or
// the threshold. could is how many have a right answer to serve. A field that has no meaning is empty.
var csvHeader = []string{"data", "strategy", "part", "name", "count", "could", "served", "right", "false_hits",
	"false_hits_per_hit", "upper95_per_hit", "recall"}

// WriteCSV writes the totals, the kinds and the curves of all strategies as one table.
func (r *Report) WriteCSV(w io.Writer) error {
	out := csv.NewWriter(w)
	_ = out.Write(csvHeader) // Error has it
	for _, s := range r.Strategies {
		for _, row := range s.rows() {
			_ = out.Write(append([]string{cell(r.Data), s.Name}, row...))
		}
	}
	out.Flush()
	return out.Error()
}

func (r *Result) rows() [][]string {
	all := r.all()
	rows := [][]string{row("total", "", all, r.could(), r.Served, r.FalseHits)}
	for _, name := range r.kinds() {
		k := r.ByKind[name]
		if k.PairKind != nil {
			rows = append(rows, row("kind", name, k.Pairs, k.Same, k.Served, k.FalseHits))
		} else {
			rows = append(rows, row("kind", name, k.Requests, k.IdealHits, k.Hits, k.FalseHits))
		}
	}
	for _, p := range r.Curves.Guard {
		rows = append(rows, row("curve_guard", threshold(p), all, r.could(), p.Served, p.FalseHits))
	}
	for _, p := range r.Curves.Score {
		rows = append(rows, row("curve_score", threshold(p), all, r.could(), p.Served, p.FalseHits))
	}
	return rows
}

func row(part, name string, count, could, served, wrong int) []string {
	n := strconv.Itoa
	return []string{part, cell(name), n(count), n(could), n(served), n(served - wrong), n(wrong),
		number(RateOf(wrong, served)), number(UpperBound(wrong, served)), number(RateOf(served-wrong, could))}
}

func threshold(p Point) string { return strconv.FormatFloat(p.Threshold, 'f', 2, 64) }

func number(r Rate) string {
	if !r.Known() {
		return ""
	}
	return strconv.FormatFloat(float64(r), 'f', 6, 64)
}

// cell keeps a spreadsheet from taking a text of the data for a formula.
func cell(text string) string {
	if text != "" && (text[0] == '=' || text[0] == '+' || text[0] == '-' || text[0] == '@') {
		return "'" + text
	}
	return text
}
