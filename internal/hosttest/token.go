package hosttest

import (
	"fmt"
	"hash/fnv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// Ids of the control tokens. Every other id is at least FirstWord and below Vocabulary.
const (
	Begin      base.Token = 1 // added in front of special text
	TurnStart  base.Token = 2 // <|im_start|>
	TurnEnd    base.Token = 3 // <|im_end|>
	FirstWord  base.Token = 16
	Vocabulary            = 1 << 20
)

var control = []struct {
	text string
	id   base.Token
}{{"<|im_start|>", TurnStart}, {"<|im_end|>", TurnEnd}}

// ChatTemplate is what the host reports as its template.
const ChatTemplate = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}<|im_start|>assistant\n"

// Template renders messages as ApplyTemplate does.
func Template(messages ...base.Message) string {
	var b strings.Builder
	for _, m := range messages {
		fmt.Fprintf(&b, "<|im_start|>%s\n%s<|im_end|>\n", m.Role, m.Content)
	}
	b.WriteString("<|im_start|>assistant\n")
	return b.String()
}

// piece is a token and its text.
type piece struct {
	text string
	id   base.Token
}

// Tokens returns the tokens of text as Tokenize does.
func Tokens(text string, special bool) []base.Token {
	var ids []base.Token
	for _, p := range pieces(text, special) {
		ids = append(ids, p.id)
	}
	return ids
}

// pieces cuts text into tokens.
func pieces(text string, special bool) []piece {
	var out []piece
	if special {
		out = append(out, piece{id: Begin})
	}
	for text != "" {
		p := nextPiece(text, special)
		out = append(out, p)
		text = text[len(p.text):]
	}
	return out
}

// nextPiece returns the token at the start of text, which is not empty.
func nextPiece(text string, special bool) piece {
	if special {
		for _, c := range control {
			if strings.HasPrefix(text, c.text) {
				return piece{c.text, c.id}
			}
		}
	}
	if n := wordLength(text); n > 0 {
		return piece{text[:n], hashID(text[:n])}
	}
	_, n := utf8.DecodeRuneInString(text)
	return piece{text[:n], hashID(text[:n])}
}

// wordLength returns the bytes of the word at the start of text, with one space before it, or 0.
func wordLength(text string) int {
	word := strings.TrimPrefix(text, " ")
	n := strings.IndexFunc(word, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	if n < 0 {
		n = len(word)
	}
	if n == 0 {
		return 0
	}
	return len(text) - len(word) + n
}

func hashID(text string) base.Token {
	h := fnv.New32a()
	h.Write([]byte(text))
	return FirstWord + base.Token(h.Sum32()%uint32(Vocabulary-FirstWord))
}
