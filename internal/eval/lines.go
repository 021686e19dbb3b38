package eval

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// Limits of a file of data.
const (
	maxLine    = 4 << 20   // bytes
	maxRecords = 1_000_000 // lines
)

// eachLine calls f with each line of r, without its end, and its number. The line is valid until f returns.
// Errors name the line.
func eachLine(r io.Reader, f func(number int, line []byte) error) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	number := 0
	for lines.Scan() {
		number++
		line := lines.Bytes()
		if number == 1 {
			line = bytes.TrimPrefix(line, []byte("\ufeff"))
		}
		err := checkLine(number, line)
		if err == nil {
			err = f(number, line)
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", number, err)
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return fmt.Errorf("line %d: the line has more than %d bytes", number+1, maxLine-1)
	}
	return lines.Err()
}

func checkLine(number int, line []byte) error {
	switch {
	case number > maxRecords:
		return fmt.Errorf("the file has more than %d lines; evaluate a part of it", maxRecords)
	case len(line) == 0:
		return errors.New("the line is empty")
	case !utf8.Valid(line):
		return errors.New("the line is not valid UTF-8")
	}
	return nil
}
