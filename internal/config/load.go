package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

// maxFile bounds a configuration file, in bytes.
const maxFile = 256 << 10

// Find returns the path of the configuration file that counts: explicit if it is given, else
// ./cache.toml if it is there. Without one found is false and the defaults count. An explicit file
// that cannot be seen is an error, and so is a ./cache.toml that cannot.
func Find(explicit string) (path string, found bool, err error) {
	path = explicit
	if path == "" {
		path = FileName
	}
	if _, err = os.Stat(path); err == nil {
		return path, true, nil
	}
	// A link to nowhere is there, and somebody meant something by it.
	if _, missing := os.Lstat(path); explicit == "" && errors.Is(missing, fs.ErrNotExist) {
		return "", false, nil
	}
	return "", false, fmt.Errorf("configuration: %w", err)
}

// Load reads a file. What it refuses (syntax, unknown keys, wrong types, values out of range) comes
// back as Problems, all of them together. What hangs on several keys is left to Validate, since
// flags may still change it.
func Load(path string) (*Config, error) {
	c, problems, err := load(path)
	if err != nil {
		return nil, err
	}
	if err := problems.err(); err != nil {
		return nil, err
	}
	return c, nil
}

// Check reads a file and validates it, and returns every problem together as Problems.
func Check(path string) error {
	c, problems, err := load(path)
	if err != nil {
		return err
	}
	if c != nil {
		problems = append(problems, c.problems()...)
	}
	problems.sort()
	return problems.err()
}

func load(path string) (*Config, Problems, error) {
	text, err := read(path)
	if err != nil {
		return nil, nil, fmt.Errorf("configuration: %w", err)
	}
	c, problems := parse(path, text)
	return c, problems, nil
}

func read(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("%q has more than %d bytes", path, maxFile)
	}
	return string(text), err
}

// parse turns the text of a file into a Config. When the text is no TOML, the Config is nil; after
// any other problem it holds what could be used.
func parse(path, text string) (*Config, Problems) {
	src := newSource(path, strings.TrimLeft(text, "\ufeff"))
	if p := checkEncoding(src); p != nil {
		return nil, Problems{*p}
	}
	doc, tooDeep := scan(src.text)
	if tooDeep != nil {
		return nil, Problems{src.problem(*tooDeep, "", "nested deeper than %d levels", maxDepth)}
	}
	keys, err := decode(src.text)
	if err != nil {
		return nil, Problems{syntaxProblem(src, doc, err)}
	}
	if !doc.names(keys) {
		return nil, Problems{{File: path, Message: "the file is too unusual to follow; write its keys in plain tables"}}
	}
	c := Default()
	c.folder, c.source = filepath.Dir(path), src
	c.Cache.File = inFolder(c.folder, c.Cache.File)
	b := binder{config: c, root: c.tree(), reported: map[string]bool{}}
	b.document(doc)
	return c, b.problems
}

// checkEncoding refuses what the TOML decoder would take for text but is none.
func checkEncoding(src *source) *Problem {
	if strings.HasPrefix(src.text, "\xff\xfe") || strings.HasPrefix(src.text, "\xfe\xff") {
		return &Problem{File: src.file, Line: 1, Column: 1, Message: "the file is UTF-16; save it as UTF-8"}
	}
	at := 0
	for at < len(src.text) {
		r, width := utf8.DecodeRuneInString(src.text[at:])
		if r == utf8.RuneError && width == 1 {
			p := src.problem(span{at, at + 1}, "", "byte 0x%02x is not UTF-8; save the file as UTF-8", src.text[at])
			return &p
		}
		at += width
	}
	return nil
}
