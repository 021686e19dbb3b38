package keyspace

// Each decodes a value and encodes what came out.

func reencodeMeta(key, value []byte) ([]byte, error) {
	m, err := DecodeMeta(key, value)
	if err != nil {
		return nil, err
	}
	return EncodeMeta(key, m), nil
}

func reencodeEntry(key, value []byte) ([]byte, error) {
	e, err := DecodeEntry(key, value)
	if err != nil {
		return nil, err
	}
	return EncodeEntry(key, e), nil
}

func reencodeUses(key, value []byte) ([]byte, error) {
	u, err := DecodeUses(key, value)
	return EncodeUses(key, u), err
}

func reencodeExact(key, value []byte) ([]byte, error) {
	id, err := DecodeExact(key, value)
	return EncodeExact(key, id), err
}

func reencodeSignature(key, value []byte) ([]byte, error) {
	s, err := DecodeSignature(key, value)
	if err != nil {
		return nil, err
	}
	return EncodeSignature(key, s), nil
}

func reencodeTotal(key, value []byte) ([]byte, error) {
	n, err := DecodeTotal(key, value)
	return EncodeTotal(key, n), err
}

func reencodeChunk(key, value []byte) ([]byte, error) {
	c, err := DecodeChunk(key, value)
	if err != nil {
		return nil, err
	}
	return EncodeChunk(key, c), nil
}

func reencodeChunkUses(key, value []byte) ([]byte, error) {
	u, err := DecodeChunkUses(key, value)
	return EncodeChunkUses(key, u), err
}

func reencodeSeen(key, value []byte) ([]byte, error) {
	when, err := DecodeSeen(key, value)
	return EncodeSeen(key, when), err
}

func reencodeHour(key, value []byte) ([]byte, error) {
	h, err := DecodeHour(key, value)
	return EncodeHour(key, h), err
}

func reencodeDoor(key, value []byte) ([]byte, error) {
	d, err := DecodeDoor(key, value)
	if err != nil {
		return nil, err
	}
	return EncodeDoor(key, d), nil
}

func rebuildHourKey(key []byte) ([]byte, error) {
	hour, err := ParseHourKey(key)
	return HourKey(hour), err
}

// Each parses a key and builds it again.

func rebuildEntryKey(key []byte) ([]byte, error) {
	id, err := ParseEntryKey(key)
	return EntryKey(id), err
}

func rebuildUsesKey(key []byte) ([]byte, error) {
	id, err := ParseUsesKey(key)
	return UsesKey(id), err
}

func rebuildExactKey(key []byte) ([]byte, error) {
	namespace, exact, err := ParseExactKey(key)
	return ExactKey(namespace, exact), err
}

func rebuildSignatureKey(key []byte) ([]byte, error) {
	group, size, id, err := ParseSignatureKey(key)
	return SignatureKey(group, size, id), err
}

func rebuildTotalKey(key []byte) ([]byte, error) {
	name, err := ParseTotalKey(key)
	return TotalKey(name), err
}

func rebuildChunkKey(key []byte) ([]byte, error) {
	h, err := ParseChunkKey(key)
	return ChunkKey(h), err
}

func rebuildChunkUsesKey(key []byte) ([]byte, error) {
	h, err := ParseChunkUsesKey(key)
	return ChunkUsesKey(h), err
}

func rebuildSeenKey(key []byte) ([]byte, error) {
	h, err := ParseSeenKey(key)
	return SeenKey(h), err
}
