package openai

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
)

func (s *schemas) text(c *schema) string {
	if c.has("pattern") {
		s.fail(Unsupported(c.at("pattern"), "an answer cannot be held to it, use enum or a format"))
	}
	var format string
	if raw, ok := c.fields["format"]; ok {
		_ = json.Unmarshal(raw, &format)
	}
	switch format { // others are only said to the reader, as JSON schema has it by default
	case "date", "time", "uuid":
		return s.grammar.add(`"\"" ` + s.grammar.use(format) + ` "\""`)
	case "date-time":
		return s.grammar.add(fmt.Sprintf(`"\"" %s "T" %s "\""`, s.grammar.use("date"), s.grammar.use("time")))
	}
	least, most := s.counts(c, "minLength", "maxLength")
	if least == 0 && most < 0 {
		return s.grammar.use("string")
	}
	return s.grammar.add(`"\"" ` + repeat(s.grammar.use("char"), least, most) + ` "\""`)
}

// number is a number within bounds. Those of a number that need not be whole are whole and not below 0.
func (s *schemas) number(c *schema, whole bool) string {
	if raw, ok := c.fields["multipleOf"]; ok && !(whole && string(raw) == "1") {
		s.fail(Unsupported(c.at("multipleOf"), "an answer cannot be held to it"))
	}
	low, high, bounded := s.bounds(c, whole)
	switch {
	case !bounded && whole:
		return s.grammar.use("integer")
	case !bounded:
		return s.grammar.use("number")
	case low > high:
		s.fail(Invalid(c.path, "no number is from %d to %d", low, high))
		return ""
	case whole:
		return s.grammar.add(wholeBetween(low, high))
	}
	return s.fraction(c, low, high)
}

// fraction is a number from low to high, with or without a fraction.
func (s *schemas) fraction(c *schema, low, high int64) string {
	if low < 0 {
		s.fail(Unsupported(c.path, "numbers that are not whole are bounded only from 0 on"))
		return ""
	}
	if high == maxWhole {
		return s.grammar.add(fmt.Sprintf(`( %s ) ( "." [0-9]{1,16} )?`, naturalBetween(low, high)))
	}
	last := fmt.Sprintf(`%s ( "." "0"{1,16} )?`, literal(strconv.FormatInt(high, 10)))
	if low == high {
		return s.grammar.add(last)
	}
	return s.grammar.add(fmt.Sprintf(`( %s ) ( "." [0-9]{1,16} )? | %s`, naturalBetween(low, high-1), last))
}

// bounds returns the least and the largest number of a schema, and whether it has any bounds.
func (s *schemas) bounds(c *schema, whole bool) (low, high int64, bounded bool) {
	low, high = -maxWhole, maxWhole
	for _, keyword := range []struct {
		name  string
		upper bool
		step  float64 // from a bound that does not count itself to the next number
	}{{"minimum", false, 0}, {"maximum", true, 0}, {"exclusiveMinimum", false, 1}, {"exclusiveMaximum", true, -1}} {
		raw, ok := c.fields[keyword.name]
		if !ok {
			continue
		}
		x, err := strconv.ParseFloat(string(raw), 64)
		if err != nil {
			s.fail(wrongKind(c.at(keyword.name), kindNumber, raw))
			return low, high, true
		}
		if !whole && (keyword.step != 0 || x != math.Trunc(x)) {
			s.fail(Unsupported(c.at(keyword.name), "numbers that are not whole are bounded only by minimum and maximum that are"))
		}
		bounded = true
		x = max(-maxWhole, min(maxWhole, inward(x, keyword.upper, keyword.step)))
		if keyword.upper {
			high = min(high, int64(x))
		} else {
			low = max(low, int64(x))
		}
	}
	return low, high, bounded
}

// inward returns the whole number nearest to a bound that is within it.
func inward(x float64, upper bool, step float64) float64 {
	switch {
	case x == math.Trunc(x):
		return x + step
	case upper:
		return math.Floor(x)
	}
	return math.Ceil(x)
}
