package bench

import _ "embed"

// OwnStream is a stream of requests that comes with kvasir, for whoever has none: prompts written for it, asked
// again as they are or with a light change, and near duplicates that need another answer.
//
//go:embed own.jsonl
var OwnStream string

// OwnName is what reports call it.
const OwnName = "the stream of kvasir"
