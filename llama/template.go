//go:build llama

package llama

/*
#include <stdlib.h>
#include <llama.h>
#include "guard.h"
*/
import "C"

import (
	"fmt"
	"strings"
	"unicode/utf8"
	"unsafe"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// Template returns the model's own chat template, in Jinja, or the empty string.
//
//	const char * llama_model_chat_template(const struct llama_model * model, const char * name);
func (m *Model) Template() string {
	text := C.llama_model_chat_template(m.ptr, nil)
	if text == nil {
		return ""
	}
	return C.GoString(text)
}

// ApplyTemplate renders messages with a template and opens the assistant's turn. llama.cpp does not
// run Jinja here: it recognises the template, by a built-in name such as "chatml" or by phrases in
// the Jinja text, and renders that family's form. A template it does not recognise is an ErrModel.
//
//	int32_t llama_chat_apply_template(const char * tmpl, const struct llama_chat_message * chat, size_t n_msg,
//	                                  bool add_ass, char * buf, int32_t length);
func ApplyTemplate(template string, messages []base.Message) (string, error) {
	if template == "" {
		return "", &base.Error{Sentinel: base.ErrModel, Message: "the model has no chat template",
			Hint: "name one with --template, such as --template chatml, or send plain text with --raw"}
	}
	var arena cStrings
	defer arena.free()
	size := 1024
	chat := unsafe.Slice((*C.struct_llama_chat_message)(arena.alloc(len(messages)*C.sizeof_struct_llama_chat_message)), len(messages))
	for i, m := range messages {
		if strings.ContainsRune(m.Role+m.Content, 0) || !utf8.ValidString(m.Role+m.Content) {
			return "", &base.Error{Sentinel: base.ErrInvalid, Message: fmt.Sprintf("message %d holds a zero byte or invalid UTF-8", i)}
		}
		chat[i] = C.struct_llama_chat_message{role: arena.string(m.Role), content: arena.string(m.Content)}
		size += 2 * (len(m.Role) + len(m.Content) + 64)
	}
	name := arena.string(template)
	for {
		buf := (*C.char)(arena.alloc(size))
		var thrown C.kvasir_error
		n := C.kvasir_apply_template(name, &chat[0], C.size_t(len(messages)), true, buf, C.int32_t(size), &thrown)
		switch {
		case n < 0:
			return "", unknownTemplate(template, C.GoString(&thrown.text[0]))
		case int(n) <= size:
			return C.GoStringN(buf, n), nil
		}
		size = int(n)
	}
}

func unknownTemplate(template, thrown string) error {
	const shown = 60
	short := strings.TrimSpace(template)
	if len(short) > shown {
		short = strings.ToValidUTF8(short[:shown], "") + "..."
	}
	message := fmt.Sprintf("chat template %q is not one llama.cpp knows", short)
	if thrown != "" {
		message = fmt.Sprintf("chat template %q cannot be applied: %s", short, thrown)
	}
	return &base.Error{Sentinel: base.ErrModel, Message: message,
		Hint: "name a known one with --template (" + strings.Join(TemplateNames(), ", ") + ")"}
}

// TemplateNames lists the built-in chat templates.
//
//	int32_t llama_chat_builtin_templates(const char ** output, size_t len);
func TemplateNames() []string {
	n := C.llama_chat_builtin_templates(nil, 0)
	list := make([]*C.char, n)
	C.llama_chat_builtin_templates(&list[0], C.size_t(n))
	names := make([]string, n)
	for i, name := range list {
		names[i] = C.GoString(name)
	}
	return names
}

// cStrings owns C memory for the length of one call.
type cStrings struct{ blocks []unsafe.Pointer }

func (a *cStrings) alloc(n int) unsafe.Pointer {
	p := C.malloc(C.size_t(max(n, 1)))
	a.blocks = append(a.blocks, p)
	return p
}

func (a *cStrings) string(s string) *C.char {
	p := C.CString(s)
	a.blocks = append(a.blocks, unsafe.Pointer(p))
	return p
}

func (a *cStrings) free() {
	for _, p := range a.blocks {
		C.free(p)
	}
}
