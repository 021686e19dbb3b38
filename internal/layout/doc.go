// Package layout knows the bytes in which llama.cpp v0.5.0 gives out the state of one sequence
// (llama_state_seq_get_data, streams apart). It cuts the state of a prompt into pieces by token, so that
// a beginning which many prompts share is stored once, and joins pieces to a state again:
//
//	l, err := layout.Learn(blob, 0, slots, tokens) // once, from the state of a few tokens
//	s, err := l.Parse(blob)
//	payload, err := l.Cut(nil, s, 64, 128)
//	j := l.Join(nil, slot, 128)
//	err = j.Put(64, payload)
//	restored := j.Bytes()
//
// A payload is compact: the keys and values of its tokens and nothing else. What surrounds them is in
// the Layout, so payloads fit only the model and the options that the Layout was learned from; the
// caller sees to that. docs/formats/state.md draws both forms.
//
// Whatever the bytes, no function here panics, and none allocates more than a small multiple of what it
// was given. A layout that is not known is an error. The package holds no model and no file.
package layout
