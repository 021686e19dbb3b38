package blob

import (
	"errors"
	"fmt"
)

// ErrDamaged marks a file that is there and is not what Write wrote for this place.
var ErrDamaged = errors.New("chunk file is damaged")

// damagedError says in words what is wrong with a file.
type damagedError struct{ reason string }

func (e *damagedError) Error() string { return e.reason }

func (e *damagedError) Unwrap() error { return ErrDamaged }

func damaged(format string, args ...any) error {
	return &damagedError{reason: fmt.Sprintf(format, args...)}
}
