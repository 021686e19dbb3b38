package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/kvasir-cache/kvasir/internal/keyspace"
)

// hitsFiles is how many files of hits the store has taken in: the name of the one that is written now. It is in
// the store and rises with the batch that takes a file in, so that no hit counts twice.
const hitsFiles = "cache.hits_files"

// mostHits bounds a file of hits; then one process has to open the store for writing and take it in.
const mostHits = 2048

// hitsFile names a file of hits.
func (e *Engine) hitsFile(number int64) string {
	return filepath.Join(e.options.Dir, fmt.Sprintf("hits.%d", number))
}

// writeHit appends to the file of hits. It is not synced: a crash of the machine may lose it, as it may lose the
// last second of uses of a process that has the store.
func (e *Engine) writeHit(h keyspace.Hit) error {
	f, err := os.OpenFile(e.hitsFile(e.totals.get(hitsFiles)), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil && info.Size() >= mostHits*keyspace.HitSize {
		err = errors.New("the file of hits is full")
	}
	if err == nil {
		_, err = f.Write(keyspace.AppendHit(missing(info.Size()), h))
	}
	return errors.Join(err, f.Close())
}

// missing fills up a line that a full disk cut off, so that those behind it are whole.
func missing(size int64) []byte {
	return make([]byte, (keyspace.HitSize-size%keyspace.HitSize)%keyspace.HitSize)
}

// takeHits takes the file of hits into the uses and totals, and removes it once they are safe. A file that cannot
// be read waits for the next time.
func (e *Engine) takeHits() {
	if e.options.Dir == "" || e.options.disk != nil {
		return
	}
	number := e.totals.get(hitsFiles)
	if number > 0 {
		_ = os.Remove(e.hitsFile(number - 1)) // taken in before a crash
	}
	data, err := os.ReadFile(e.hitsFile(number))
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err == nil {
		e.addHits(keyspace.DecodeHits(data))
		e.totals.add(hitsFiles, 1)
		err = e.storeCounts(true)
	}
	if err == nil {
		err = os.Remove(e.hitsFile(number))
	}
	if err != nil {
		e.report("open", fmt.Errorf("hits counted by other processes: %w", err))
	}
}

func (e *Engine) addHits(hits []keyspace.Hit) {
	for _, h := range hits {
		e.uses.add(h.Entry, time.Unix(0, h.When))
		e.totals.add(lookups, 1)
		e.totals.add(hitExactBytes, 1)
		e.totals.add(savedMicros, h.Saved)
		e.totals.add(loadMicros, h.Load)
	}
}
