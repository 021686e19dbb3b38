// Package openai holds the wire types of OpenAI's API, as far as kvasir speaks it: requests are decoded,
// checked and refused by the name of the field that is wrong; answers, chunks of streams and errors are encoded.
//
//	r, err := openai.DecodeChat(body)
//	if err != nil {
//		// err.Status and err are what the client gets
//	}
//
// What a client may ask for and what no model here can do is refused, never left out silently. Fields that are
// not known are ignored, as OpenAI ignores them.
//
// Schemas become grammars and tools become text and grammars here as well, since both are about what clients
// send. The package uses only the standard library, and knows neither the cache nor HTTP beyond status codes.
package openai
