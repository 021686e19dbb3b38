// Reads lines of JSON and writes one for each: an ordinary program that is a plugin when it is built for
// WASI. It lowers ASCII letters and writes each run of ASCII white space as one blank, none at the ends.
package main

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"strings"
)

type request struct {
	Op   string `json:"op"`
	Text string `json:"text"`
}

func main() {
	in, out := bufio.NewReader(os.Stdin), json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	for {
		line, err := in.ReadBytes('\n')
		if err == io.EOF {
			return
		}
		if err := out.Encode(answer(line)); err != nil {
			panic(err)
		}
	}
}

// answer returns what is to be written for a line.
func answer(line []byte) any {
	var r request
	if err := json.Unmarshal(line, &r); err != nil {
		return map[string]string{"error": err.Error()}
	}
	switch r.Op {
	case "init":
		return map[string]any{"manifest": map[string]any{
			"name": "ascii-lower", "version": "1.0.0", "roles": []string{"normalize"},
		}}
	case "normalize":
		return map[string]string{"text": fold(r.Text)}
	}
	return map[string]string{"error": "there is no " + r.Op}
}

func fold(text string) string {
	var b strings.Builder
	gap := false
	for i := range len(text) {
		c := text[i]
		if c == ' ' || '\t' <= c && c <= '\r' {
			gap = b.Len() > 0
			continue
		}
		if gap {
			b.WriteByte(' ')
		}
		gap = false
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		b.WriteByte(c)
	}
	return b.String()
}
