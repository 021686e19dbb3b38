package keyspace

import (
	"strings"
	"testing"
)

// An entry of about 2 KB, the size that stores are tuned for.
func typicalEntry() *Entry {
	e := sampleEntry()
	e.Request = []byte(strings.Repeat("canonical ", 40))
	e.Prompt = strings.Repeat("prompt ", 40)
	e.Answer = strings.Repeat("answer ", 80)
	e.PromptTokens, e.Tokens = make([]int32, 120), make([]int32, 120)
	for i := range e.Tokens {
		e.PromptTokens[i], e.Tokens[i] = int32(i*397), int32(i*211)
	}
	return e
}

func BenchmarkEncodeEntry(b *testing.B) {
	key, e := EntryKey(1), typicalEntry()
	b.SetBytes(int64(len(EncodeEntry(key, e))))
	b.ReportAllocs()
	for b.Loop() {
		EncodeEntry(key, e)
	}
}

func BenchmarkDecodeEntry(b *testing.B) {
	key := EntryKey(1)
	value := EncodeEntry(key, typicalEntry())
	b.SetBytes(int64(len(value)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := DecodeEntry(key, value); err != nil {
			b.Fatal(err)
		}
	}
}
