// Package plugin keeps the plugins of a configuration.
//
//	set := plugin.New(plugin.Options{Specs: specs})
//	err := set.Load(ctx)
//	decision := set.Ask(ctx, event)
//	defer set.Close()
//
// It loads them when they are first needed, asks the hooks among them and merges what they say, lets a
// plugin rest that fails again and again, and replaces one whose file changes. It knows nothing of how a
// plugin is run; a Spec brings a function that loads it.
//
// A plugin that fails is never the caller's failure: it is counted and logged, and has no opinion. One
// that cannot be loaded at all is different, since nobody knows what it would have said: while that lasts,
// every request bypasses the cache.
package plugin
