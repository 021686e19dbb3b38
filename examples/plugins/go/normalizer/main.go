// Lowers ASCII letters and writes each run of ASCII white space as one blank, none at the ends.
package main

import "github.com/kvasir-cache/kvasir/hostapi/guest"

func init() { guest.Describe(`{"name": "ascii-lower", "version": "1.0.0"}`) }

//lint:ignore U1000 the host calls it
//go:wasmexport kvasir_normalize
func normalize(ptr, n uint32) uint64 { return guest.Normalize(ptr, n, fold) }

func fold(dst []byte, text string) ([]byte, error) {
	gap := false
	for i := range len(text) {
		c := text[i]
		if isSpace(c) {
			gap = len(dst) > 0
			continue
		}
		if gap {
			dst = append(dst, ' ')
		}
		gap = false
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		dst = append(dst, c)
	}
	return dst, nil
}

func isSpace(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }

func main() {}
