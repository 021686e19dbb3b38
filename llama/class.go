//go:build llama

package llama

/*
#include <llama.h>
*/
import "C"

// Classes of models by how they keep their state.
const (
	classAttention = "attention"
	classWindow    = "sliding window"
	classRecurrent = "recurrent"
	classHybrid    = "hybrid"
	classMRope     = "m-rope"
	classNone      = "none"
)

// stateClass returns the class of the model, and why its state cannot be saved, if its class is one of
// those.
//
//	bool llama_model_is_recurrent(const struct llama_model * model);
//	bool llama_model_is_hybrid(const struct llama_model * model);
//	enum llama_rope_type llama_model_rope_type(const struct llama_model * model);
//	int32_t llama_model_n_swa(const struct llama_model * model);
func (m *Model) stateClass() (class, reason string) {
	rope := C.llama_model_rope_type(m.ptr)
	switch {
	case !m.CanGenerate():
		return classNone, "this model writes no answers, so there is nothing to go on from"
	case bool(C.llama_model_is_hybrid(m.ptr)):
		return classHybrid, "this model has recurrent layers, whose state cannot be cut at a token"
	case bool(C.llama_model_is_recurrent(m.ptr)):
		return classRecurrent, "this model is recurrent, and its state cannot be cut at a token"
	case rope == C.LLAMA_ROPE_TYPE_MROPE || rope == C.LLAMA_ROPE_TYPE_IMROPE || rope == C.LLAMA_ROPE_TYPE_VISION:
		return classMRope, "this model has positions of several dimensions, which saved state does not keep apart"
	case C.llama_model_n_swa(m.ptr) > 0:
		return classWindow, ""
	}
	return classAttention, ""
}
