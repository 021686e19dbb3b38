package base

import "testing"

func TestElements_CountsThoseOfTheArrayItself(t *testing.T) {
	for array, want := range map[string]int{
		"[]": 1, "[1]": 1, "[ {}, {} ]": 2, `["a,b", "\\", "\",[", "]"]`: 4, `[[1,2],{"a":[1,2],"b":3}]`: 2, "null": 1,
	} {
		if got := Elements([]byte(array)); got != want {
			t.Errorf("%s: %d, want %d", array, got, want)
		}
	}
}
