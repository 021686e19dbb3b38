package base

// grammarDepth returns how deep the groups of a GBNF grammar nest at the deepest. Parentheses in
// literals, character classes and comments do not count. In text that is no grammar it returns some
// number.
//
// Source of the syntax: https://github.com/ggml-org/llama.cpp/blob/master/grammars/README.md
func grammarDepth(text string) int {
	depth, deepest := 0, 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			i = skipTo(text, i+1, '"')
		case '[':
			i = skipTo(text, i+1, ']')
		case '#':
			i = skipTo(text, i+1, '\n')
		case '(':
			depth++
			deepest = max(deepest, depth)
		case ')':
			depth--
		}
	}
	return deepest
}

// skipTo returns the index of the first end from i on that no backslash escapes, or the length of
// text.
func skipTo(text string, i int, end byte) int {
	for ; i < len(text) && text[i] != end; i++ {
		if text[i] == '\\' && end != '\n' {
			i++
		}
	}
	return i
}
