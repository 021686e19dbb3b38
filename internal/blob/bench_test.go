package blob

import (
	"os"
	"testing"
)

// A chunk of SmolLM2-135M with F16 KV, and what reading it costs beside a plain read of the same bytes.
func BenchmarkRead(b *testing.B) {
	h, _ := sample()
	payload := make([]byte, 64*23040)
	path := put(b, b.TempDir(), h, payload)
	b.Run("verified", func(b *testing.B) {
		b.SetBytes(int64(len(payload)))
		b.ReportAllocs()
		for b.Loop() {
			_, _, err := Read(path, &secret, &h, payload)
			must(b, err)
		}
	})
	b.Run("plain", func(b *testing.B) {
		b.SetBytes(int64(len(payload)))
		for b.Loop() {
			file, err := os.Open(path)
			must(b, err)
			_, err = file.Read(payload)
			must(b, err)
			must(b, file.Close())
		}
	})
}

func BenchmarkWrite(b *testing.B) {
	h, _ := sample()
	payload := make([]byte, 64*23040)
	dir := b.TempDir()
	b.SetBytes(int64(len(payload)))
	for b.Loop() {
		temp, _, err := Write(dir, &secret, &h, payload)
		must(b, err)
		must(b, os.Remove(temp))
	}
}
