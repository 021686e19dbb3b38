// Package plugins holds the sources of the example plugins, for kvasir plugin new. Each language has a
// normalizer and a scorer, and all of them answer the vectors in testdata alike.
package plugins

import "embed"

// Sources are the files a new plugin begins with, at LANGUAGE/ROLE/FILE, and the vectors.
//
//go:embed c/*/*.c rust/*/*.rs zig/*/*.zig assemblyscript/*/*.ts assemblyscript/*.json go/*/*.go testdata/*.jsonl
var Sources embed.FS
