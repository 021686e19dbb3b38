package openai

import (
	"fmt"
	"strconv"
	"strings"
)

// Whole numbers have at most this many digits; larger ones are not exact for most readers of JSON.
const maxDigits = 16

const maxWhole = 9_999_999_999_999_999

// wholeBetween returns a rule for the whole numbers from low to high, both within ±maxWhole.
func wholeBetween(low, high int64) string {
	var parts []string
	if low < 0 {
		parts = append(parts, `"-" ( `+naturalBetween(max(1, -min(high, -1)), -low)+` )`)
	}
	if high >= 0 {
		parts = append(parts, naturalBetween(max(low, 0), high))
	}
	return strings.Join(parts, " | ")
}

// naturalBetween returns a rule for the numbers from low to high, neither below 0, by how many digits they have.
func naturalBetween(low, high int64) string {
	var parts []string
	for digits := 1; digits <= maxDigits; digits++ {
		first, last := pow10(digits-1), pow10(digits)-1
		if digits == 1 {
			first = 0
		}
		if from, to := max(low, first), min(high, last); from <= to {
			parts = append(parts, digitsBetween(strconv.FormatInt(from, 10), strconv.FormatInt(to, 10)))
		}
	}
	return strings.Join(parts, " | ")
}

func pow10(n int) int64 {
	x := int64(1)
	for range n {
		x *= 10
	}
	return x
}

// digitsBetween returns a rule for the digits from low to high, which are equally many.
func digitsBetween(low, high string) string {
	rest := len(low) - 1
	zeros, nines := strings.Repeat("0", rest), strings.Repeat("9", rest)
	switch {
	case low[1:] == zeros && high[1:] == nines:
		return digitClass(low[0], high[0]) + anyDigits(rest)
	case low[0] == high[0]:
		return digitClass(low[0], low[0]) + " ( " + digitsBetween(low[1:], high[1:]) + " )"
	}
	var parts []string
	if low[1:] != zeros {
		parts = append(parts, digitsBetween(low, low[:1]+nines))
		low = string(low[0]+1) + zeros
	}
	var last string
	if high[1:] != nines {
		last = digitsBetween(high[:1]+zeros, high)
		high = string(high[0]-1) + nines
	}
	if low[0] <= high[0] {
		parts = append(parts, digitsBetween(low, high))
	}
	if last != "" {
		parts = append(parts, last)
	}
	return strings.Join(parts, " | ")
}

func digitClass(from, to byte) string {
	if from == to {
		return fmt.Sprintf(`"%c"`, from)
	}
	return fmt.Sprintf("[%c-%c]", from, to)
}

func anyDigits(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" [0-9]{%d}", n)
}
