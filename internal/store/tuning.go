package store

import (
	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
)

// pebbleFormat is the version of Pebble's own files: the first with a checksum over each table's
// footer, and with marks in the log that tell a torn end from damage in the middle. Raising it makes
// stores that older programs refuse, so it is raised together with keyspace.Version.
const pebbleFormat = pebble.FormatTableFormatV6

// Stores hold 10,000 to 1,000,000 entries of about 2 KB, beside a model that wants all memory and
// both processors.
const (
	// The index and filter blocks of a million entries are about 25 MB, and they should stay in
	// memory; the rest of the cache is for hot entries. The page cache holds what is larger.
	cacheBytes = 64 << 20
	// Four times Pebble's default, so that a burst of entries makes few small tables. A process that
	// was killed leaves at most this much log to read at the next start, about 50 ms of work.
	memTableBytes = 16 << 20
	// A flush that is slower than the writes stops them when this many memtables wait, at 64 MiB.
	memTablesAtMost = 4
	// 10 bits a key answer 99 of 100 lookups of an absent key without reading a table.
	filterBits = 10
	// Two entries of 2 KB to a block. Larger blocks make every lookup decompress more.
	blockBytes = 4 << 10
	// Half of the usual limit of 1,024 open files; sockets and blobs need some too.
	openFiles = 500
	// What a store opened for reading works off of the log in memory, each time anew. A few runs leave much less.
	readOnlyLog = 1 << 20
	// Pebble would stop writes inside a call that nothing can interrupt. The store slows writers
	// down itself, see pressure, and Close can end that.
	neverStop = 1 << 20
)

func (s *Store) pebbleOptions(o *Options) *pebble.Options {
	p := &pebble.Options{
		FS:                          s.shield,
		FormatMajorVersion:          pebbleFormat,
		Logger:                      pebbleLog{s},
		EventListener:               s.listener(),
		CacheSize:                   cacheBytes,
		MemTableSize:                memTableBytes,
		MemTableStopWritesThreshold: memTablesAtMost,
		L0StopWritesThreshold:       neverStop,
		MaxOpenFiles:                openFiles,
	}
	for i := range p.Levels {
		p.Levels[i].BlockSize = blockBytes
		p.Levels[i].FilterPolicy = bloom.FilterPolicy(filterBits)
	}
	p.Experimental.CompactionScheduler = &scheduler{stopped: s.shield.failed}
	p.ErrorIfNotExists, p.ReadOnly = o.MustExist, o.ReadOnly
	if o.tune != nil {
		o.tune(p)
	}
	return p
}
