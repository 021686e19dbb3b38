//go:build llama

package llama

/*
#include <stdlib.h>
#include <llama.h>
#include "guard.h"
*/
import "C"

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"unicode/utf8"
	"unsafe"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// Tokenize turns text into tokens. With special set, names of control tokens in the text become
// those tokens, and the beginning-of-text token is added where the model wants one.
//
//	int32_t llama_tokenize(const struct llama_vocab * vocab, const char * text, int32_t text_len, llama_token * tokens,
//	                       int32_t n_tokens_max, bool add_special, bool parse_special);
func (m *Model) Tokenize(text string, special bool) ([]base.Token, error) {
	if !utf8.ValidString(text) {
		return nil, &base.Error{Sentinel: base.ErrInvalid, Message: "the text is not valid UTF-8"}
	}
	if len(text) > math.MaxInt32/2 {
		return nil, &base.Error{Sentinel: base.ErrInvalid, Message: fmt.Sprintf("the text has %d bytes; that is more than llama.cpp tokenizes", len(text))}
	}
	tokens := make([]base.Token, len(text)+2)
	n, err := m.tokenizeInto(tokens, text, special)
	if err == nil && n < 0 {
		tokens = make([]base.Token, -n)
		n, err = m.tokenizeInto(tokens, text, special)
	}
	if err != nil {
		return nil, err
	}
	return tokens[:n:n], nil
}

// tokenizeInto returns the number of tokens, or minus the number there is no room for.
func (m *Model) tokenizeInto(tokens []base.Token, text string, special bool) (int, error) {
	var thrown C.kvasir_error
	n := C.kvasir_tokenize(m.vocab, (*C.char)(unsafe.Pointer(unsafe.StringData(text))), C.int32_t(len(text)),
		(*C.llama_token)(unsafe.Pointer(&tokens[0])), C.int32_t(len(tokens)), C.bool(special), C.bool(special), &thrown)
	if n == C.KVASIR_THREW {
		return 0, &base.Error{Sentinel: base.ErrInvalid, Message: "the text cannot be tokenized: " + orUnknown(C.GoString(&thrown.text[0]))}
	}
	return int(n), nil
}

// AppendPiece appends the bytes of token to dst. A piece may be part of a UTF-8 character. Control
// tokens have no bytes unless special is set. A token outside the vocabulary has no bytes.
//
//	int32_t llama_token_to_piece(const struct llama_vocab * vocab, llama_token token, char * buf, int32_t length,
//	                             int32_t lstrip, bool special);
func (m *Model) AppendPiece(dst []byte, token base.Token, special bool) []byte {
	if token < 0 || int(token) >= m.VocabularySize() {
		return dst
	}
	var small [64]byte
	n := m.pieceInto(small[:], token, special)
	if n >= 0 {
		return append(dst, small[:n]...)
	}
	large := make([]byte, -n)
	return append(dst, large[:max(0, m.pieceInto(large, token, special))]...)
}

func (m *Model) pieceInto(buf []byte, token base.Token, special bool) int {
	return int(C.llama_token_to_piece(m.vocab, C.llama_token(token), (*C.char)(unsafe.Pointer(&buf[0])), C.int32_t(len(buf)), 0, C.bool(special)))
}

// longestToken returns the most bytes of text that one token can stand for.
func (m *Model) longestToken() int {
	longest := 1
	var piece []byte
	for i := range base.Token(m.VocabularySize()) {
		piece = m.AppendPiece(piece[:0], i, true)
		longest = max(longest, len(piece))
	}
	return longest
}

// VocabularySize is the number of tokens.
//
//	int32_t llama_vocab_n_tokens(const struct llama_vocab * vocab);
func (m *Model) VocabularySize() int { return int(C.llama_vocab_n_tokens(m.vocab)) }

// IsEnd reports whether token ends an answer.
//
//	bool llama_vocab_is_eog(const struct llama_vocab * vocab, llama_token token);
func (m *Model) IsEnd(token base.Token) bool {
	return bool(C.llama_vocab_is_eog(m.vocab, C.llama_token(token)))
}

// suppressed lists the tokens the model asks never to be sampled.
//
//	const llama_token * llama_vocab_get_suppress_tokens(const struct llama_vocab * vocab, int32_t * n_suppress_tokens);
func (m *Model) suppressed() []base.Token {
	var n C.int32_t
	list := C.llama_vocab_get_suppress_tokens(m.vocab, &n)
	if list == nil || n <= 0 {
		return nil
	}
	return append([]base.Token(nil), unsafe.Slice((*base.Token)(unsafe.Pointer(list)), int(n))...)
}

// TokenizerHash is the hex SHA-256 of everything that decides how text becomes tokens and back:
// the kind of tokenizer, each token's text, score and attributes, and the special tokens.
func (m *Model) TokenizerHash() string {
	h := sha256.New()
	word := func(v uint32) {
		var b [4]byte
		binary.LittleEndian.PutUint32(b[:], v)
		h.Write(b[:])
	}
	flag := func(b C.bool) {
		if b {
			word(1)
		} else {
			word(0)
		}
	}
	word(uint32(C.llama_vocab_type(m.vocab)))
	pre, _ := m.Metadata("tokenizer.ggml.pre")
	word(uint32(len(pre)))
	h.Write([]byte(pre))
	for i := range C.llama_token(m.VocabularySize()) {
		text := C.GoString(C.llama_vocab_get_text(m.vocab, i))
		word(uint32(len(text)))
		h.Write([]byte(text))
		word(math.Float32bits(float32(C.llama_vocab_get_score(m.vocab, i))))
		word(uint32(C.llama_vocab_get_attr(m.vocab, i)))
	}
	for _, special := range []C.llama_token{
		C.llama_vocab_bos(m.vocab), C.llama_vocab_eos(m.vocab), C.llama_vocab_eot(m.vocab),
		C.llama_vocab_sep(m.vocab), C.llama_vocab_nl(m.vocab), C.llama_vocab_pad(m.vocab), C.llama_vocab_mask(m.vocab),
	} {
		word(uint32(special))
	}
	flag(C.llama_vocab_get_add_bos(m.vocab))
	flag(C.llama_vocab_get_add_eos(m.vocab))
	flag(C.llama_vocab_get_add_sep(m.vocab))
	return hex.EncodeToString(h.Sum(nil))
}
