package textfold

import (
	"strings"

	"golang.org/x/text/cases"
)

// foldCase applies full case folding. Package cases swaps the small and the capital letters of Cherokee,
// of which Unicode folds to the capitals, so they are mapped once more.
func foldCase(text string) string {
	return strings.Map(capitalCherokee, cases.Fold().String(text))
}

func capitalCherokee(r rune) rune {
	switch {
	case 0xab70 <= r && r <= 0xabbf:
		return r - 0xab70 + 0x13a0
	case 0x13f8 <= r && r <= 0x13fd:
		return r - 8
	}
	return r
}
