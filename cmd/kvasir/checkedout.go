package main

import "io"

// checkedWriter remembers the first error of writing, so that a command whose output went nowhere fails also
// where nobody looked at the error.
type checkedWriter struct {
	w   io.Writer
	err error
}

func (c *checkedWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	if err != nil && c.err == nil {
		c.err = err
	}
	return n, err
}
