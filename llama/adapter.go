//go:build llama

package llama

/*
#include <stdlib.h>
#include <llama.h>
*/
import "C"

import (
	"fmt"
	"unsafe"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// setAdapters loads LoRA adapters and applies them to the context. The model owns them from then on.
//
//	struct llama_adapter_lora * llama_adapter_lora_init(struct llama_model * model, const char * path_lora);
//	int32_t llama_set_adapters_lora(struct llama_context * ctx, struct llama_adapter_lora ** adapters, size_t n_adapters, float * scales);
func (c *Context) setAdapters(adapters []base.AdapterInfo) error {
	if len(adapters) == 0 {
		return nil
	}
	loaded := make([]*C.struct_llama_adapter_lora, len(adapters))
	scales := make([]C.float, len(adapters))
	for i, a := range adapters {
		takeLogTail()
		path := C.CString(a.Path)
		loaded[i] = C.llama_adapter_lora_init(c.model.ptr, path)
		C.free(unsafe.Pointer(path))
		if loaded[i] == nil {
			return &base.Error{Sentinel: base.ErrModel, Message: fmt.Sprintf("adapter %q cannot be applied: %s", a.Path, orUnknown(takeLogTail()))}
		}
		scales[i] = C.float(adapterScale(a))
	}
	if C.llama_set_adapters_lora(c.ptr, &loaded[0], C.size_t(len(loaded)), &scales[0]) != 0 {
		return &base.Error{Sentinel: base.ErrModel, Message: "the adapters cannot be applied: " + orUnknown(takeLogTail())}
	}
	return nil
}

// adapterScale is the scale of an adapter; 0 stands for 1.
func adapterScale(a base.AdapterInfo) float32 {
	if a.Scale == 0 {
		return 1
	}
	return a.Scale
}
