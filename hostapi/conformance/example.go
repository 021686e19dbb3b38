package conformance

import "github.com/kvasir-cache/kvasir/hostapi"

// Example returns an event of the kind that a hook is asked about, the same each time.
func Example(hook hostapi.Role) *hostapi.Event { return event(hook) }
