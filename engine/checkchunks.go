package engine

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/kvasir-cache/kvasir/internal/blob"
	"github.com/kvasir-cache/kvasir/internal/keyspace"
	"github.com/kvasir-cache/kvasir/internal/store"
)

// checkChunks checks every chunk of saved state: that its key is that of its tokens, that the chunk before it is
// there, and that its file is the one that this store wrote.
func (c *checker) checkChunks(ctx context.Context) error {
	var buffer []byte
	n, err := c.each(ctx, "chunk", keyspace.ChunkPrefix(), func(row store.Row) {
		key, err := keyspace.ParseChunkKey(row.Key)
		var record *keyspace.Chunk
		if err == nil {
			record, err = keyspace.DecodeChunk(row.Key, row.Value)
		}
		if err == nil {
			err = c.checkChain(key, record)
		}
		if err == nil && c.dir != "" {
			buffer, err = c.checkFile(key, record, buffer)
		}
		switch {
		case c.failure != nil: // nothing is known of this one
		case err != nil:
			c.removeChunk(row.Key, key, err)
		default:
			c.report.Chunks++
		}
	})
	if err != nil {
		return err
	}
	if c.Repair && c.report.Chunks < n { // what followed a chunk that is gone follows nothing now
		if err := c.fix(ctx, 0); err != nil {
			return err
		}
		if err := c.dropOrphans(ctx); err != nil {
			return err
		}
	}
	return c.checkRestores(ctx)
}

// checkChain checks key and parent of a chunk. The first chunk of a prompt follows a seed, and those of tenants
// whose salt is gone cannot be made.
func (c *checker) checkChain(key blob.Key, record *keyspace.Chunk) error {
	if blob.NextKey(record.Parent, record.Tokens) != key {
		return errors.New("its key is not that of its tokens")
	}
	if record.From == 0 {
		return nil
	}
	parent, err := c.chunk(record.Parent)
	switch {
	case err != nil:
		return errors.New("the chunk before it is missing or damaged")
	case parent.State != record.State || int(parent.From)+len(parent.Tokens) != int(record.From):
		return errors.New("it does not follow the chunk before it")
	}
	return nil
}

func (c *checker) chunk(key blob.Key) (*keyspace.Chunk, error) {
	name := keyspace.ChunkKey(key)
	value, err := c.get(name)
	if err != nil {
		return nil, err
	}
	return keyspace.DecodeChunk(name, value)
}

// secretOf returns the secret of a chunk's file.
func (c *checker) secretOf(record *keyspace.Chunk) (*[32]byte, error) {
	if box := c.store.Sealed(); box != nil {
		return &box.ChunkSecrets(c.seedOf(record))[0], nil
	}
	if c.secret != nil {
		return c.secret, nil
	}
	if _, err := os.Stat(filepath.Join(c.Dir, "secret")); errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("the secret of the store is gone, with which its file was written")
	}
	secret, err := blob.OpenSecret(c.Dir, rand.Reader)
	if err != nil {
		c.failure = err
		return nil, err
	}
	c.secret = &secret
	return c.secret, nil
}

// seedOf follows a chunk to the seed of its prompts. Positions fall on the way, so it ends.
func (c *checker) seedOf(record *keyspace.Chunk) [32]byte {
	for record.From > 0 {
		parent, err := c.chunk(record.Parent)
		if err != nil || parent.From >= record.From {
			break // checkChain says so
		}
		record = parent
	}
	return record.Parent
}

// checkFile reads the file of a chunk whole. A failure to read it that may pass ends the check.
func (c *checker) checkFile(key blob.Key, record *keyspace.Chunk, buffer []byte) ([]byte, error) {
	secret, err := c.secretOf(record)
	if err != nil {
		return buffer, err
	}
	want := blob.Header{ID: record.State, Key: key, From: int(record.From), Tokens: len(record.Tokens), Origin: originOf[record.Origin], Sealed: c.store.Sealed() != nil}
	payload, _, err := blob.Read(blob.Path(c.dir, key), secret, &want, buffer)
	if err != nil && !errors.Is(err, blob.ErrDamaged) && !errors.Is(err, fs.ErrNotExist) {
		c.failure = fmt.Errorf("chunk %x: %w", key, err)
		return buffer, err
	}
	if err == nil && uint64(len(payload))+blob.HeaderSize != record.Bytes {
		err = fmt.Errorf("its file has %d bytes, and its record says %d", len(payload)+blob.HeaderSize, record.Bytes)
	}
	if cap(payload) > cap(buffer) {
		buffer = payload
	}
	return buffer, err
}

func (c *checker) removeChunk(name []byte, key blob.Key, err error) {
	c.found(Problem{"chunk", fmt.Sprintf("%x", name[1:]), err.Error(), "record and file are removed; the state is computed again"},
		store.Delete(name), store.Delete(keyspace.ChunkUsesKey(key)))
	if c.Repair && c.dir != "" {
		_ = blob.Quarantine(c.dir, key) // what stays has no record
	}
}

// dropOrphans removes chunks whose parents were removed, until none is left.
func (c *checker) dropOrphans(ctx context.Context) error {
	for again := true; again; {
		again = false
		_, err := c.each(ctx, "chunk", keyspace.ChunkPrefix(), func(row store.Row) {
			key, err := keyspace.ParseChunkKey(row.Key)
			record, errRecord := keyspace.DecodeChunk(row.Key, row.Value)
			if err != nil || errRecord != nil {
				return
			}
			if err := c.checkChain(key, record); err != nil && c.failure == nil {
				again = true
				c.report.Chunks--
				c.removeChunk(row.Key, key, err)
			}
		})
		if err == nil {
			err = c.fix(ctx, 0)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// checkRestores checks the records beside those of chunks.
func (c *checker) checkRestores(ctx context.Context) error {
	n, err := c.each(ctx, "restores", keyspace.ChunkUsesPrefix(), func(row store.Row) {
		key, err := keyspace.ParseChunkUsesKey(row.Key)
		if err == nil {
			_, err = keyspace.DecodeChunkUses(row.Key, row.Value)
		}
		if err != nil {
			c.broken("restores", row.Key, err)
			return
		}
		if _, err := c.chunk(key); errors.Is(err, ErrNotFound) {
			c.loose("restores", row.Key, "they are of a chunk that is not there")
		}
	})
	c.report.Others += n
	if err != nil {
		return err
	}
	n, err = c.each(ctx, "computed chunk", keyspace.SeenPrefix(), func(row store.Row) {
		_, err := keyspace.ParseSeenKey(row.Key)
		if err == nil {
			_, err = keyspace.DecodeSeen(row.Key, row.Value)
		}
		if err != nil {
			c.broken("computed chunk", row.Key, err)
		}
	})
	c.report.Others += n
	return err
}

// checkFiles looks for files that have no record.
func (c *checker) checkFiles(context.Context) error {
	if c.dir == "" {
		return nil
	}
	files, err := blob.List(c.dir)
	if err != nil {
		return err
	}
	c.report.Files = len(files)
	for key := range files {
		if _, err := c.chunk(key); c.failure != nil {
			return c.failure
		} else if err == nil || c.torn {
			continue
		}
		c.report.Files--
		c.found(Problem{"file", fmt.Sprintf("%x", key), "it has no record", "the file is removed"})
		if c.Repair {
			if err := blob.Remove(c.dir, key); err != nil {
				return err
			}
		}
	}
	return nil
}
