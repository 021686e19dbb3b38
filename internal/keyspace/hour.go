package keyspace

const prefixHour = 'h'

// Hour is what the cache did in one hour, for people who want to see how it goes over time.
type Hour struct {
	Lookups, Hits       int64
	SavedMicros         int64 // what hits saved
	Remembered, Removed int64 // entries that came, and that went for whatever cause
	Entries, Bytes      int64 // at the end of the hour, or now
}

// HourKey is the key of an Hour: of the hour since 1970-01-01 UTC. Keys order by time.
func HourKey(hour uint64) []byte { return idKey(prefixHour, ID(hour)) }

// HourPrefix is what every hour's key begins with.
func HourPrefix() []byte { return []byte{prefixHour} }

// ParseHourKey returns the hour in a key.
func ParseHourKey(key []byte) (uint64, error) {
	id, err := parseIDKey(prefixHour, key)
	return uint64(id), err
}

func (h *Hour) fields() []*int64 {
	return []*int64{&h.Lookups, &h.Hits, &h.SavedMicros, &h.Remembered, &h.Removed, &h.Entries, &h.Bytes}
}

// EncodeHour returns the value of h under key.
func EncodeHour(key []byte, h Hour) []byte {
	b := []byte{recordVersion}
	for _, field := range h.fields() {
		b = appendInt64(b, *field)
	}
	return seal(key, b)
}

// DecodeHour reads an Hour.
func DecodeHour(key, value []byte) (h Hour, err error) {
	c, err := open(key, value)
	if err != nil {
		return Hour{}, err
	}
	for _, field := range h.fields() {
		*field = c.int64("count")
	}
	if err := c.end(); err != nil {
		return Hour{}, err
	}
	return h, nil
}
