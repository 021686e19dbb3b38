package base

// Elements returns how many elements a valid JSON array has, and 1 for an empty one. Who decodes bytes from outside
// asks first: an element of two bytes may take hundreds in memory.
func Elements(array []byte) int {
	n, depth, text := 1, 0, false
	for i := 0; i < len(array); i++ {
		switch c := array[i]; {
		case c == '\\':
			i++ // only texts have any
		case c == '"':
			text = !text
		case text:
		case c == '[' || c == '{':
			depth++
		case c == ']' || c == '}':
			depth--
		case c == ',' && depth == 1:
			n++
		}
	}
	return n
}
