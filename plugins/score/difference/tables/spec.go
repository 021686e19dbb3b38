package main

import (
	"bufio"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A spec is what the data files say, by section.
type spec struct {
	classes map[string][]string   // class -> words
	pairs   map[string][][]string // section -> sides of "a = b = c"
	phrases map[string][][]string // section -> phrases, each a list of words
}

// Sections whose lines are phrases; sections with "=" in their lines are equalities; the rest are classes.
var phraseSections = []string{"greeting", "opener", "wrapper", "asker", "closing", "form_phrase"}

func readSpec(folder string) (*spec, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.txt"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("folder %q has no data files", folder)
	}
	s := &spec{classes: map[string][]string{}, pairs: map[string][][]string{}, phrases: map[string][][]string{}}
	slices.Sort(files)
	for _, name := range files {
		if err := s.readFile(name); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *spec) readFile(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	section := ""
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		switch {
		case line == "" || strings.HasPrefix(line, "# ") || line == "#":
		case strings.HasPrefix(line, "[") && strings.HasSuffix(line, "]"):
			section = line[1 : len(line)-1]
		case section == "":
			return fmt.Errorf("%s:%d: words before the first [section]", name, n)
		default:
			s.add(section, line)
		}
	}
	return lines.Err()
}

func (s *spec) add(section, line string) {
	switch {
	case slices.Contains(phraseSections, section):
		s.phrases[section] = append(s.phrases[section], strings.Fields(line))
	case strings.Contains(line, " = "):
		s.pairs[section] = append(s.pairs[section], sides(line))
	default:
		s.classes[section] = append(s.classes[section], strings.Fields(line)...)
	}
}

func sides(line string) []string {
	parts := strings.Split(line, " = ")
	for i, p := range parts {
		parts[i] = strings.TrimSpace(p)
	}
	return parts
}

// classNames are the classes that words carry at run time, in a fixed order.
func (s *spec) classNames() []string {
	names := slices.Sorted(maps.Keys(s.classes))
	return slices.DeleteFunc(names, func(n string) bool { return n == "listed" || n == "common" || n == "unit_sign" })
}
