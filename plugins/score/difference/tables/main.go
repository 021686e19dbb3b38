// Command tables turns the data files of the difference guard into C tables.
//
//	tables -data data -lexicon difference.wasm -out tables.h
//	tables -data data -words /usr/share/dict -out tables.h
//
// With -words the lexicon is made anew from SCOWL's lists; otherwise it is carried over from the module that
// -lexicon names, so that a change of a data file needs no dictionary. Output depends on nothing but the input.
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	data := flag.String("data", "data", "folder of data files")
	carry := flag.String("lexicon", "difference.wasm", "module that the lexicon is carried over from")
	words := flag.String("words", "", "folder of SCOWL lists to make the lexicon from")
	out := flag.String("out", "tables.h", "C header to write")
	flag.Parse()
	if err := run(*data, *carry, *words, *out); err != nil {
		fmt.Fprintln(os.Stderr, "tables: error:", err)
		os.Exit(1)
	}
}

func run(data, carry, words, out string) error {
	spec, err := readSpec(data)
	if err != nil {
		return err
	}
	lexicon, err := findLexicon(spec, carry, words)
	if err != nil {
		return err
	}
	table, err := newTable(spec)
	if err != nil {
		return err
	}
	return os.WriteFile(out, header(spec, table, lexicon), 0o644)
}
