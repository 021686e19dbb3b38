package textfold

import (
	"strings"
	"unicode/utf8"
)

// foldASCII folds text if it is ASCII, and says whether it is. ASCII is composed, has no marks and no
// compatibility characters, so only Case and Space have work to do.
func foldASCII(text string, f Flags) (folded string, ok bool) {
	lower, space := f&Case != 0, f&Space != 0
	change := len(text) // where the first byte that changes is
	blank := true       // the byte before is a blank, or the beginning
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c >= utf8.RuneSelf {
			return "", false
		}
		isBlank := space && isASCIISpace(c)
		if change == len(text) && (isBlank && (blank || c != ' ') || lower && isUpper(c)) {
			change = i
		}
		blank = isBlank
	}
	if change == len(text) && (!space || !blank || text == "") {
		return text, true
	}
	return rewriteASCII(text, change, lower, space), true
}

// rewriteASCII folds text, of which the first kept bytes are as they should be.
func rewriteASCII(text string, kept int, lower, space bool) string {
	var b strings.Builder
	b.Grow(len(text))
	b.WriteString(text[:kept])
	blank := kept == 0 || text[kept-1] == ' '
	for i := kept; i < len(text); i++ {
		c := text[i]
		switch {
		case space && isASCIISpace(c):
			if blank {
				continue
			}
			c = ' '
		case lower && isUpper(c):
			c += 'a' - 'A'
		}
		b.WriteByte(c)
		blank = c == ' '
	}
	if space {
		return strings.TrimSuffix(b.String(), " ")
	}
	return b.String()
}

func isUpper(c byte) bool { return 'A' <= c && c <= 'Z' }

func isASCIISpace(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }
