package keyspace

import (
	"encoding/binary"
	"math"
	"time"
)

// Uses counts how often an entry served, and says what keeping it is worth. It is a record of its own so that a
// hit does not rewrite the entry, and so that who chooses what goes need not read the entries.
type Uses struct {
	Count uint64
	Last  int64 // unix nanoseconds of the latest use
	Worth Worth // zero in records of version 1
}

// Worth is what an entry takes and saves, as far as keeping it hangs on that.
type Worth struct {
	Known   bool    // false: the record says nothing of the rest
	Weight  float64 // the uses up to the latest one, of which older ones count less; storing counts as the first
	Created int64   // unix nanoseconds
	Expires int64   // unix nanoseconds; 0 means never
	Cost    time.Duration
	Bytes   uint64 // of the records of the entry
	Topic   uint32 // names the topic
	Account uint32 // names the tenant
	Pinned  bool
}

const (
	usesVersionWorth = 2 // with what keeping is worth
	flagPinned       = 1
)

// EncodeUses returns the value of u under key: of version 2 where its worth is known, else of version 1.
func EncodeUses(key []byte, u Uses) []byte {
	w := &u.Worth
	if !w.Known {
		b := binary.LittleEndian.AppendUint64([]byte{recordVersion}, u.Count)
		return seal(key, appendInt64(b, u.Last))
	}
	b := make([]byte, 0, 1+7*8+2*4+1+checksumSize)
	b = append(b, usesVersionWorth)
	b = binary.LittleEndian.AppendUint64(b, u.Count)
	b = appendInt64(b, u.Last)
	b = binary.LittleEndian.AppendUint64(b, math.Float64bits(w.Weight))
	b = appendInt64(b, w.Created)
	b = appendInt64(b, w.Expires)
	b = appendInt64(b, int64(w.Cost))
	b = binary.LittleEndian.AppendUint64(b, w.Bytes)
	b = binary.LittleEndian.AppendUint32(b, w.Topic)
	b = binary.LittleEndian.AppendUint32(b, w.Account)
	if w.Pinned {
		return seal(key, append(b, flagPinned))
	}
	return seal(key, append(b, 0))
}

// DecodeUses reads a Uses of either version.
func DecodeUses(key, value []byte) (Uses, error) {
	body, err := unseal(key, value)
	if err != nil {
		return Uses{}, err
	}
	c := &cursor{key: key, data: body}
	version := c.byte("version")
	if c.err == nil && version != recordVersion && version != usesVersionWorth {
		c.fail("version", "is %d, which this format does not have", version)
	}
	u := Uses{Count: c.uint64("count"), Last: c.int64("last")}
	if version == usesVersionWorth {
		u.Worth = c.worth()
	}
	if err := c.end(); err != nil {
		return Uses{}, err
	}
	return u, nil
}

func (c *cursor) worth() Worth {
	w := Worth{
		Known: true, Weight: math.Float64frombits(c.uint64("weight")), Created: c.int64("created"), Expires: c.int64("expires"),
		Cost: time.Duration(c.int64("cost")), Bytes: c.uint64("bytes"), Topic: c.fixed32("topic"), Account: c.fixed32("account"),
	}
	flags := c.byte("flags")
	w.Pinned = flags == flagPinned
	switch {
	case c.err != nil:
	case !(w.Weight >= 0 && w.Weight <= math.MaxFloat64):
		c.fail("weight", "is %v", w.Weight)
	case w.Bytes > math.MaxInt64:
		c.fail("bytes", "are %d", w.Bytes)
	case flags > flagPinned:
		c.fail("flags", "are %d", flags)
	}
	return w
}

// fixed32 reads a number of 4 bytes.
func (c *cursor) fixed32(field string) uint32 {
	b := c.take(field, 4)
	if b == nil {
		return 0
	}
	return binary.LittleEndian.Uint32(b)
}
