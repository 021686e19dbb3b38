package store

// Metrics are figures of an open store, for people and for decisions about space.
type Metrics struct {
	DiskBytes   uint64 // tables, log and manifest, with what waits to be removed
	TableBytes  uint64
	LogBytes    uint64
	MemoryBytes uint64 // block cache and memtables

	CacheHits   int64 // blocks found in the block cache
	CacheMisses int64
	ReadDepth   int    // tables that a lookup may have to look at
	Compactions int64  // since Open
	DebtBytes   uint64 // estimate of what compactions still have to write
}

// Metrics returns the figures of this moment. After Close they are zero.
func (s *Store) Metrics() Metrics {
	if s.enter() != nil {
		return Metrics{}
	}
	defer s.leave()
	m := s.db.Metrics()
	var tables uint64
	for i := range m.Levels {
		tables += uint64(m.Levels[i].TablesSize)
	}
	// Pebble learns the size of a log file when it is full; until then Size knows better.
	live := max(m.WAL.PhysicalSize, m.WAL.Size)
	return Metrics{
		DiskBytes:   m.DiskSpaceUsage() - m.WAL.PhysicalSize + live,
		TableBytes:  tables,
		LogBytes:    live + m.WAL.ObsoletePhysicalSize,
		MemoryBytes: uint64(m.BlockCache.Size) + m.MemTable.Size,
		CacheHits:   m.BlockCache.Hits,
		CacheMisses: m.BlockCache.Misses,
		ReadDepth:   m.ReadAmp(),
		Compactions: m.Compact.Count,
		DebtBytes:   m.Compact.EstimatedDebt,
	}
}
