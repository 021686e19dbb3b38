//go:build llama

package llama

/*
#include <llama.h>
#include "guard.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"unsafe"
)

// State returns the model state of a sequence as bytes, in the layout of this build of llama.cpp, in the
// memory of buf if that has room. An empty sequence gives a short header. Of layers with a sliding window
// it holds only what the window still reaches.
//
//	size_t llama_state_seq_get_size_ext(struct llama_context * ctx, llama_seq_id seq_id, llama_state_seq_flags flags);
//	size_t llama_state_seq_get_data_ext(struct llama_context * ctx, uint8_t * dst, size_t size, llama_seq_id seq_id, llama_state_seq_flags flags);
func (c *Context) State(sequence int, buf []byte) ([]byte, error) {
	return c.state(sequence, buf, C.LLAMA_STATE_SEQ_FLAGS_NONE)
}

// WindowState is State of the layers with a sliding window alone.
func (c *Context) WindowState(sequence int, buf []byte) ([]byte, error) {
	return c.state(sequence, buf, C.LLAMA_STATE_SEQ_FLAGS_PARTIAL_ONLY)
}

func (c *Context) state(sequence int, buf []byte, flags C.llama_state_seq_flags) ([]byte, error) {
	size := C.llama_state_seq_get_size_ext(c.ptr, C.llama_seq_id(sequence), flags)
	if size == 0 {
		return nil, fmt.Errorf("state of sequence %d: it cannot be saved", sequence)
	}
	if uint64(cap(buf)) < uint64(size) {
		buf = make([]byte, size)
	}
	state := buf[:size]
	var thrown C.kvasir_error
	n := C.kvasir_state_get(c.ptr, (*C.uint8_t)(unsafe.Pointer(&state[0])), size, C.llama_seq_id(sequence), flags, &thrown)
	if n == 0 || n > size {
		return nil, fmt.Errorf("state of sequence %d: %s", sequence, orUnknown(C.GoString(&thrown.text[0])))
	}
	return state[:n], nil
}

// SetState replaces a sequence by a state that State returned from a context of the same model,
// types and options. llama.cpp checks shapes only, so the caller vouches for the bytes. After an
// error the sequence may hold anything; call ClearAll.
//
//	size_t llama_state_seq_set_data(struct llama_context * ctx, const uint8_t * src, size_t size, llama_seq_id dest_seq_id);
func (c *Context) SetState(sequence int, state []byte) error {
	if len(state) == 0 {
		return errors.New("state is empty")
	}
	takeLogTail()
	var thrown C.kvasir_error
	n := C.kvasir_state_set(c.ptr, (*C.uint8_t)(unsafe.Pointer(&state[0])), C.size_t(len(state)), C.llama_seq_id(sequence), &thrown)
	if int(n) != len(state) {
		reason := C.GoString(&thrown.text[0])
		if reason == "" {
			reason = orUnknown(takeLogTail())
		}
		return fmt.Errorf("state of %d bytes does not fit sequence %d: %s", len(state), sequence, reason)
	}
	return nil
}
