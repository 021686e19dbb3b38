package engine

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"iter"

	"github.com/kvasir-cache/kvasir/internal/fingerprint"
	"github.com/kvasir-cache/kvasir/internal/keyspace"
	"github.com/kvasir-cache/kvasir/internal/store"
)

// needLedger reads the ledger if it was not read yet. The caller does not hold e.changing.
func (e *Engine) needLedger() error {
	if e.ledger.isReady() {
		return nil
	}
	e.ledger.making.Lock()
	defer e.ledger.making.Unlock()
	if e.ledger.isReady() {
		return nil
	}
	e.changing.Lock() // so that a change is either read or kept apart
	e.ledger.begin()
	e.changing.Unlock()
	rows, err := e.readLedger(e.store.Walk)
	if errors.Is(err, ErrCorrupt) {
		e.failed("read what entries are worth", err)
		rows, err = e.readLedger(e.store.Scan) // which goes on behind what is damaged
	}
	e.changing.Lock()
	defer e.changing.Unlock()
	if err != nil {
		e.ledger.finish(nil)
		return err
	}
	count, size := e.ledger.finish(rows)
	e.totals.add(entries, count-e.totals.get(entries))
	e.totals.add(entryBytes, size-e.totals.get(entryBytes))
	return nil
}

// walk goes over all rows of a prefix. What it cannot read it ends with, or yields as *store.Damage.
type walk func(prefix []byte) iter.Seq2[store.Row, error]

// readLedger returns the rows that the use counters make, and gives entries without one theirs.
func (e *Engine) readLedger(over walk) (rows []row, err error) {
	rows = []row{}
	for r, err := range over(keyspace.UsesPrefix()) {
		switch {
		case isDamage(err):
			continue
		case err != nil:
			return nil, err
		}
		if e.isClosing() {
			return nil, ErrClosed
		}
		id, errKey := keyspace.ParseUsesKey(r.Key)
		uses, errValue := keyspace.DecodeUses(r.Key, r.Value)
		if errKey == nil && errValue == nil && uses.Worth.Known {
			rows = append(rows, rowOf(id, uses))
		}
	}
	if int64(len(rows)) < e.totals.get(entries) {
		err = e.adopt(rows, over)
	}
	return rows, err
}

func isDamage(err error) bool {
	var damage *store.Damage
	return errors.As(err, &damage)
}

// adopt gives the entries that rows do not have a use counter of this version, which enters them into the ledger.
func (e *Engine) adopt(rows []row, over walk) error {
	known := make(map[keyspace.ID]bool, len(rows))
	for i := range rows {
		known[rows[i].id] = true
	}
	for r, err := range over(keyspace.EntryPrefix()) {
		switch {
		case isDamage(err):
			continue
		case err != nil:
			return err
		}
		if e.isClosing() {
			return ErrClosed
		}
		id, err := keyspace.ParseEntryKey(r.Key)
		if err != nil || known[id] {
			continue
		}
		if err := e.adoptOne(id, r); err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) adoptOne(id keyspace.ID, r store.Row) error {
	entry, err := keyspace.DecodeEntry(r.Key, r.Value)
	account := uint32(0)
	if err == nil {
		account = e.accountOf(entry)
	} else {
		entry = &keyspace.Entry{} // damaged: worth nothing, so that it goes first
	}
	e.changing.Lock()
	defer e.changing.Unlock()
	if e.store.View(r.Key, func([]byte) error { return nil }) != nil {
		return nil // it is gone
	}
	if uses := e.storedUses(id); !uses.Worth.Known {
		var c change
		uses.Worth = worthOf(entry, account, entrySize(len(r.Value), nil))
		uses.Worth.Weight += float64(uses.Count)
		c.setUses(e, id, uses)
		_, err = e.applyLocked(&c)
		return err
	}
	return nil
}

// accountOf finds out whose entry it is, which entries of older programs do not say.
func (e *Engine) accountOf(entry *keyspace.Entry) uint32 {
	r, err := fingerprint.ParseCanonical(entry.Request, entry.Prompt)
	if err != nil {
		return 0
	}
	canonical, err := fingerprint.Canonicalize(r)
	if err != nil || !bytes.Equal(canonical.Bytes, entry.Request) {
		return 0
	}
	for _, tenant := range e.salts.Tenants() {
		salt, err := e.salts.Salt(tenant)
		if err == nil && keyspace.Hash(fingerprint.Namespace(salt, ModelID(entry.Model), canonical)) == entry.Namespace {
			return accountName(tenant)
		}
	}
	return 0
}

// accountName names a tenant in the ledger. 0 is nobody known.
func accountName(tenant string) uint32 { return max(1, shortName([]byte(tenant))) }

func shortName(text []byte) uint32 {
	sum := sha256.Sum256(text)
	return binary.LittleEndian.Uint32(sum[:])
}

// worthOf is what the ledger has to know of a new entry.
func worthOf(entry *keyspace.Entry, account uint32, size int) keyspace.Worth {
	topic := []byte(entry.Topic)
	if entry.Topic == "" {
		topic = entry.Namespace[:]
	}
	return keyspace.Worth{
		Known: true, Weight: 1, Created: entry.Created, Expires: entry.Expires, Cost: entry.Cost, Bytes: uint64(size),
		Topic: shortName(topic), Account: account,
	}
}

// Sizes of what goes with every entry, keys included.
const (
	keySize   = 1 + 8
	usesSize  = keySize + 70
	indexSize = 1 + 2*32 + 13
)

// entrySize is what the records of an entry hold, where its own value has so many bytes.
func entrySize(value int, signatures signed) int {
	size := keySize + value + usesSize + indexSize
	for _, s := range signatures {
		size += 1 + 8 + 4 + 8 + 5 + 8*len(s.Words) + 8*len(s.Set)
	}
	return size
}

// setUses adds the writing of a use counter, and enters it into the ledger.
func (c *change) setUses(e *Engine, id keyspace.ID, u keyspace.Uses) {
	key := keyspace.UsesKey(id)
	c.set(key, keyspace.EncodeUses(key, u))
	if u.Worth.Known {
		c.then = append(c.then, func() { e.ledger.set(rowOf(id, u)) })
	}
}

func (e *Engine) isClosing() bool {
	select {
	case <-e.closing:
		return true
	default:
		return false
	}
}

// resize adds that an entry takes another number of bytes now.
func (c *change) resize(e *Engine, id keyspace.ID, size int) {
	uses := e.storedUses(id)
	if !uses.Worth.Known {
		return
	}
	c.count(entryBytes, int64(size)-int64(uses.Worth.Bytes))
	uses.Worth.Bytes = uint64(size)
	c.setUses(e, id, uses)
}
