// Package store keeps the bytes of the cache on disk. It is a thin, careful layer over Pebble and the
// only package that imports it.
//
//	s, err := store.Open(store.Options{Dir: dir})
//	defer s.Close()
//	receipt := s.Apply(store.Set(key, value), store.Delete(old))
//	err = receipt.Wait(ctx)
//	value, err := s.Get(key)
//
// Writes. Apply puts its mutations into Pebble's memory and write-ahead log in one batch, unsynced, so
// they are visible at once, all together or not at all. A goroutine syncs the log every flush
// interval, earlier when much is waiting or somebody waits, and once for everybody: then the receipts
// of all batches before it are done. Acknowledged means receipt done. The log is a sequence, so after
// a crash a prefix of the batches is there, and it includes every acknowledged one.
//
// Failure. When the disk refuses a write, or a compaction finds a damaged table, the store leaves the
// disk alone from then on, as if the machine had stopped at that moment: open receipts and later
// writes get the error, reads go on. Close and Open bring it back with everything that was
// acknowledged.
//
// The package knows the Meta record of package keyspace and treats all others as bytes. One process
// at a time may hold a store. All methods may be called from many goroutines.
package store
