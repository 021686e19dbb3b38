package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	sources "github.com/kvasir-cache/kvasir/examples/plugins"
	header "github.com/kvasir-cache/kvasir/hostapi/c"
	"github.com/kvasir-cache/kvasir/internal/base"
)

// language is one that a plugin can be begun in. The commands make NAME.wasm from the example's source,
// which becomes NAME with the same ending.
type language struct {
	source string   // ending of the source
	files  []string // of the examples besides the source
	needs  string
	build  []string // commands, with NAME for the name
}

var languages = map[string]language{
	"go": {source: ".go", needs: "Go, and the module kvasir or KVASIR=PATH to a checkout",
		build: []string{"[ -f go.mod ] || go mod init NAME",
			"# KVASIR names a checkout of kvasir to build on, where the module cannot be fetched.",
			`[ -z "${KVASIR:-}" ] || go mod edit -require github.com/kvasir-cache/kvasir@v0.0.0 -replace "github.com/kvasir-cache/kvasir=$KVASIR"`,
			"go mod tidy",
			"CGO_ENABLED=0 GOOS=wasip1 GOARCH=wasm go build -trimpath -buildmode=c-shared -ldflags='-s -w' -o NAME.wasm ."}},
	"c": {source: ".c", needs: "clang and lld, such as Debian's clang-19 and lld-19 (CLANG names another)",
		build: []string{`[ -n "${CLANG:-}" ] || CLANG=$(command -v clang || command -v clang-19)`, `"$CLANG" --target=wasm32 -std=c11 -O2 -Wall -Wextra -ffreestanding -nostdlib -mbulk-memory -I . -Wl,--no-entry -Wl,--strip-all -o NAME.wasm NAME.c`}},
	"rust": {source: ".rs", needs: "rustc with the target wasm32-unknown-unknown",
		build: []string{`"${RUSTC:-rustc}" --edition 2021 --target wasm32-unknown-unknown ${WASM_LD:+-C linker=$WASM_LD} -C opt-level=3 -C panic=abort -C strip=symbols -C link-arg=-zstack-size=65536 --crate-name plugin --crate-type cdylib -o NAME.wasm NAME.rs`}},
	"zig": {source: ".zig", needs: "Zig 0.11",
		build: []string{`"${ZIG:-zig}" build-lib NAME.zig -target wasm32-freestanding -dynamic -rdynamic -O ReleaseSmall -fstrip --stack 65536`}},
	"assemblyscript": {source: ".ts", files: []string{"package.json", "package-lock.json"}, needs: "npm",
		build: []string{"[ -d node_modules ] || npm ci --ignore-scripts",
			"npx asc NAME.ts -O3 --runtime minimal --noAssert --use abort= --exportStart _initialize -o NAME.wasm"}},
}

// examples are the roles that there are examples of.
var examples = map[string]string{"normalize": "normalizer", "score": "scorer"}

func newPluginNew(s streams) *cobra.Command {
	var lang, role string
	cmd := &cobra.Command{
		Use: "new NAME", Short: "Begin a plugin: a folder with a source that works, how to build it, and vectors",
		Args: func(cmd *cobra.Command, given []string) error {
			if err := cobra.ExactArgs(1)(cmd, given); err != nil {
				return usageError{err}
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			l, ok := languages[lang]
			if !ok {
				return usagef("--lang %q: want one of %s; a script needs no more than a file, see docs/plugins/scripts.md", lang, strings.Join(slices.Sorted(maps.Keys(languages)), ", "))
			}
			example, ok := examples[role]
			if !ok {
				return usagef("--role %q: want normalize or score", role)
			}
			if err := beginPlugin(args[0], lang, example, l); err != nil {
				return err
			}
			name := filepath.Base(args[0])
			fmt.Fprintf(s.out, "%s is a %s that works. It needs %s.\n\n  cd %s && ./build && kvasir plugin check %s.wasm --vectors vectors.jsonl\n", args[0], example, l.needs, args[0], name)
			return nil
		},
	}
	cmd.Flags().StringVar(&lang, "lang", "go", "`language`: "+strings.Join(slices.Sorted(maps.Keys(languages)), ", "))
	cmd.Flags().StringVar(&role, "role", "normalize", "what it does: normalize or score")
	return cmd
}

// beginPlugin writes a new folder. It changes none that is there.
func beginPlugin(dir, lang, example string, l language) error {
	name := filepath.Base(dir)
	if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" || strings.Trim(name[:1], "-_") == "" {
		return usagef("the name %q: want lower-case letters, digits, - and _, a letter or digit first", name)
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	files, err := pluginFiles(name, lang, example, l)
	if err != nil {
		return err
	}
	err = os.Mkdir(dir, 0o755)
	if errors.Is(err, fs.ErrExist) {
		return &base.Error{Sentinel: base.ErrInvalid, Message: fmt.Sprintf("%q is there already", dir), Hint: "choose another name"}
	}
	if err != nil {
		return err
	}
	for _, file := range slices.Sorted(maps.Keys(files)) {
		mode := fs.FileMode(0o644)
		if file == "build" {
			mode = 0o755
		}
		if err := os.WriteFile(filepath.Join(dir, file), files[file], mode); err != nil {
			return err
		}
	}
	return nil
}

// pluginFiles returns the files of a new plugin, by their names.
func pluginFiles(name, lang, example string, l language) (map[string][]byte, error) {
	original, source := example, name
	if lang == "go" {
		original, source = "main", "main" // Go leaves out files of some names
	}
	from := map[string]string{
		source + l.source: path.Join(lang, example, original+l.source),
		"vectors.jsonl":   path.Join("testdata", example+".jsonl"),
	}
	for _, file := range l.files {
		from[file] = path.Join(lang, file)
	}
	files := map[string][]byte{"build": buildScript(name, l)}
	for to, source := range from {
		text, err := fs.ReadFile(sources.Sources, source)
		if err != nil {
			return nil, err
		}
		files[to] = text
	}
	if lang == "c" {
		files["kvasir.h"] = header.Header
	}
	return files, nil
}

func buildScript(name string, l language) []byte {
	lines := append([]string{"#!/bin/sh", "# Makes " + name + ".wasm. It needs " + l.needs + ".", "set -eu", `cd "$(dirname "$0")"`}, l.build...)
	return []byte(strings.ReplaceAll(strings.Join(lines, "\n"), "NAME", name) + "\n")
}
