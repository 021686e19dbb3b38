// Package upstream is an inference host that has another server do the work: any that speaks OpenAI's API.
//
//	host, err := upstream.Open(upstream.Options{URL: "https://llm.example/v1", Model: "large", Key: key})
//	result, err := host.Generate(ctx, request, emit)
//
// Answers are always asked for as streams, passed on as they come, and whole only if the stream says how they
// ended and that it is done. Tried again is only what has not begun: where no connection came about, or where the
// upstream says that it is too busy. Errors of the upstream keep their status; what they say is shown without
// the key, which nothing else of this package ever shows.
//
// An upstream's model has no tokens here and no state: saved state and plugins that tokenize need a host of
// one's own.
package upstream
