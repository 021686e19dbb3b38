package gguf

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/kvasir-cache/kvasir/internal/base"
)

const hintAgain = "download or copy the file again"

// refuse makes an error that says why a file is not a model llama.cpp can load.
func refuse(hint, format string, args ...any) error {
	return &base.Error{Sentinel: base.ErrModel, Message: fmt.Sprintf(format, args...), Hint: hint}
}

// cutOff says that a file ends too early.
func cutOff(needs, has int64) error {
	return refuse(hintAgain, "the file is cut off: needs %d bytes, has %d", needs, has)
}

// readFailed says that the system could not read a file. It unwraps to the cause too.
func readFailed(offset int64, cause error) error {
	if errors.Is(cause, io.EOF) || errors.Is(cause, io.ErrUnexpectedEOF) {
		return refuse(hintAgain, "the file became shorter while it was read, at byte %d", offset)
	}
	return fmt.Errorf("%w: %w", refuse("", "reading failed at byte %d", offset), cause)
}

// openFailed says that a path could not be opened. It unwraps to the cause too, such as
// fs.ErrNotExist.
func openFailed(path string, cause error) error {
	var p *fs.PathError
	if errors.As(cause, &p) {
		cause = p.Err
	}
	return fmt.Errorf("%w: %w", refuse("", "model %q cannot be opened", path), cause)
}
