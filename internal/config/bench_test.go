package config

import (
	"path/filepath"
	"testing"
)

func BenchmarkLoad(b *testing.B) {
	path := filepath.Join(root, FileName)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Load(path); err != nil {
			b.Fatal(err)
		}
	}
}
