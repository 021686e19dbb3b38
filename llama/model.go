//go:build llama

package llama

/*
#include <stdlib.h>
#include <llama.h>
#include "progress.h"
*/
import "C"

import (
	"context"
	"fmt"
	"runtime/cgo"
	"unsafe"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// Model is a loaded model: weights, vocabulary and metadata. It is read-only once loaded and may
// be used from many goroutines, but not while or after it is closed. Close it after every Context
// made from it.
type Model struct {
	ptr   *C.struct_llama_model
	vocab *C.struct_llama_vocab
}

// LoadModel reads the GGUF file at path, mapping the weights into memory. A split model is named by
// its first file. It calls progress with the share done, from 0 to 1; progress may be nil. Ending
// ctx stops the load.
//
//	struct llama_model * llama_model_load_from_file(const char * path_model, struct llama_model_params params);
func LoadModel(ctx context.Context, path string, progress func(done float64)) (*Model, error) {
	initBackend()
	takeLogTail()
	watch := cgo.NewHandle(&loadWatch{ctx: ctx, progress: progress})
	defer watch.Delete()

	params := C.llama_model_default_params()
	params.n_gpu_layers = 0
	C.kvasir_watch_load(&params, C.uintptr_t(watch))
	cpath := C.CString(path)
	defer C.free(unsafe.Pointer(cpath))
	ptr := C.llama_model_load_from_file(cpath, params)
	if ptr == nil {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		return nil, &base.Error{Sentinel: base.ErrModel, Message: fmt.Sprintf("model %q: llama.cpp cannot load it: %s", path, orUnknown(takeLogTail()))}
	}
	return &Model{ptr: ptr, vocab: C.llama_model_get_vocab(ptr)}, nil
}

func orUnknown(reason string) string {
	if reason == "" {
		return "it gave no reason"
	}
	return reason
}

// Close frees the model. It is safe to call twice.
func (m *Model) Close() {
	if m.ptr != nil {
		C.llama_model_free(m.ptr)
		m.ptr = nil
	}
}

type loadWatch struct {
	ctx      context.Context
	progress func(float64)
}

//export kvasirLoadProgress
func kvasirLoadProgress(done C.float, handle C.uintptr_t) C.bool {
	watch := cgo.Handle(handle).Value().(*loadWatch)
	if watch.progress != nil {
		watch.progress(float64(done))
	}
	return C.bool(watch.ctx.Err() == nil)
}

// Description names the architecture, size and weight type, such as "llama 1B Q8_0".
//
//	int32_t llama_model_desc(const struct llama_model * model, char * buf, size_t buf_size);
func (m *Model) Description() string {
	buf := (*C.char)(C.malloc(256))
	defer C.free(unsafe.Pointer(buf))
	C.llama_model_desc(m.ptr, buf, 256)
	return C.GoString(buf)
}

// Metadata returns the GGUF metadata value of key as text. Arrays are not reachable this way.
//
//	int32_t llama_model_meta_val_str(const struct llama_model * model, const char * key, char * buf, size_t buf_size);
func (m *Model) Metadata(key string) (string, bool) {
	ckey := C.CString(key)
	defer C.free(unsafe.Pointer(ckey))
	n := C.llama_model_meta_val_str(m.ptr, ckey, nil, 0)
	if n < 0 {
		return "", false
	}
	buf := (*C.char)(C.malloc(C.size_t(n) + 1))
	defer C.free(unsafe.Pointer(buf))
	C.llama_model_meta_val_str(m.ptr, ckey, buf, C.size_t(n)+1)
	return C.GoStringN(buf, n), true
}

// Parameters is the number of weights.
//
//	uint64_t llama_model_n_params(const struct llama_model * model);
func (m *Model) Parameters() int64 { return int64(C.llama_model_n_params(m.ptr)) }

// ContextTrain is the number of tokens the model was trained to attend to.
//
//	int32_t llama_model_n_ctx_train(const struct llama_model * model);
func (m *Model) ContextTrain() int { return int(C.llama_model_n_ctx_train(m.ptr)) }

// EmbeddingSize is the width of the vectors the model gives out.
//
//	int32_t llama_model_n_embd_out(const struct llama_model * model);
func (m *Model) EmbeddingSize() int { return int(C.llama_model_n_embd_out(m.ptr)) }

// CanGenerate reports whether the model has a decoder and needs no encoder pass before it.
//
//	bool llama_model_has_encoder(const struct llama_model * model);
//	bool llama_model_has_decoder(const struct llama_model * model);
func (m *Model) CanGenerate() bool {
	return bool(C.llama_model_has_decoder(m.ptr)) && !bool(C.llama_model_has_encoder(m.ptr)) &&
		!bool(C.llama_model_is_diffusion(m.ptr))
}

// namesPooling reports whether the model says how its vectors are pooled.
func (m *Model) namesPooling() bool {
	arch, _ := m.Metadata("general.architecture")
	kind, ok := m.Metadata(arch + ".pooling_type")
	return ok && kind != "0"
}

// heads and layers of the model.
//
//	int32_t llama_model_n_head(const struct llama_model * model);
//	int32_t llama_model_n_layer(const struct llama_model * model);
func (m *Model) heads() int  { return int(C.llama_model_n_head(m.ptr)) }
func (m *Model) layers() int { return int(C.llama_model_n_layer(m.ptr)) }
