package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/kvasir-cache/kvasir/internal/fingerprint"
	"github.com/kvasir-cache/kvasir/internal/keyspace"
	"github.com/kvasir-cache/kvasir/internal/store"
)

// checkEntries checks every entry, that its keys are those of its request, that it is found by them, and that its
// normal forms have their signatures.
func (c *checker) checkEntries(ctx context.Context) error {
	finder := newTenantFinder(c.salts)
	_, err := c.each(ctx, "entry", keyspace.EntryPrefix(), func(row store.Row) {
		id, err := keyspace.ParseEntryKey(row.Key)
		if err != nil {
			c.broken("entry", row.Key, err)
			return
		}
		entry, err := keyspace.DecodeEntry(row.Key, row.Value)
		if err == nil {
			err = c.checkKeys(finder, entry)
		}
		if err != nil {
			c.removeEntry(id, err)
			return
		}
		if c.checkIndex(id, entry) {
			c.report.Entries++
			c.checkForms(id, row.Key, entry)
		}
	})
	return err
}

// removeEntry notes an entry that cannot serve.
func (c *checker) removeEntry(id keyspace.ID, err error) {
	c.gone[id] = true
	c.found(Problem{"entry", id.String(), err.Error(), "the entry is removed"}, store.Delete(keyspace.EntryKey(id)), store.Delete(keyspace.UsesKey(id)))
}

// checkKeys makes the keys of an entry again. Those of a tenant whose salt is gone cannot be made.
func (c *checker) checkKeys(finder *tenantFinder, entry *keyspace.Entry) error {
	if _, err := fingerprint.ParseCanonical(entry.Request, entry.Prompt); err != nil {
		return err
	}
	tenant, ok := finder.find(entry)
	if !ok {
		c.report.Lost++
		return nil
	}
	salt, err := c.salts.Salt(tenant)
	if err == nil && keyspace.Hash(fingerprint.ExactKey(salt, fingerprint.ID(entry.Namespace), entry.Prompt)) != entry.Exact {
		err = errors.New("its exact key is not that of its request")
	}
	return err
}

// checkIndex checks that an entry is found by its exact key. It reports whether the entry stays.
func (c *checker) checkIndex(id keyspace.ID, entry *keyspace.Entry) bool {
	index := keyspace.ExactKey(entry.Namespace, entry.Exact)
	leads, err := keyspace.ID(0), error(nil)
	value, err := c.get(index)
	if err == nil {
		leads, err = keyspace.DecodeExact(index, value)
	}
	if err == nil && leads == id {
		return true
	}
	if other := c.otherOf(leads, err, entry); other > id {
		c.removeEntry(id, fmt.Errorf("its request has a later entry, %s", other))
		return false
	}
	what := fmt.Sprintf("its exact key leads to %s", leads)
	if err != nil {
		what = "its exact key is missing or damaged"
	}
	c.found(Problem{"entry", id.String(), what, "the key is made again"}, store.Set(index, keyspace.EncodeExact(index, id)))
	return true
}

// otherOf returns the entry that the exact key of one leads to, if that is of the same request.
func (c *checker) otherOf(leads keyspace.ID, err error, entry *keyspace.Entry) keyspace.ID {
	if err != nil {
		return 0
	}
	other := c.entry(leads)
	if other == nil || other.Namespace != entry.Namespace || other.Exact != entry.Exact {
		return 0
	}
	return leads
}

// checkForms checks that each normal form has its signature. A repair takes the forms away; they are made again.
func (c *checker) checkForms(id keyspace.ID, key []byte, entry *keyspace.Entry) {
	for _, form := range entry.Forms {
		name := keyspace.SignatureKey(keyspace.GroupOf(entry.Namespace, form.Generation), form.Grams, id)
		value, err := c.get(name)
		if err == nil {
			_, err = keyspace.DecodeSignature(name, value)
		}
		if err == nil {
			continue
		}
		bare := *entry
		bare.Forms = nil
		c.found(Problem{"entry", id.String(), "the signature of a normal form is missing or damaged", "its normal forms are made again when they are needed"},
			store.Set(key, keyspace.EncodeEntry(key, &bare)))
		return
	}
}

// checkExact checks that every exact key leads to an entry that has it.
func (c *checker) checkExact(ctx context.Context) (err error) {
	c.report.Exact, err = c.each(ctx, "exact key", keyspace.ExactPrefix(), func(row store.Row) {
		namespace, exact, err := keyspace.ParseExactKey(row.Key)
		var id keyspace.ID
		if err == nil {
			id, err = keyspace.DecodeExact(row.Key, row.Value)
		}
		if err != nil {
			c.broken("exact key", row.Key, err)
			return
		}
		if entry := c.entry(id); entry == nil || entry.Namespace != namespace || entry.Exact != exact {
			c.loose("exact key", row.Key, fmt.Sprintf("it leads to entry %s, which is not there or has another one", id))
		}
	})
	return err
}

// checkSignatures checks that every signature is that of a normal form.
func (c *checker) checkSignatures(ctx context.Context) (err error) {
	c.report.Signatures, err = c.each(ctx, "signature", keyspace.SignaturePrefix(), func(row store.Row) {
		group, size, id, err := keyspace.ParseSignatureKey(row.Key)
		if err == nil {
			_, err = keyspace.DecodeSignature(row.Key, row.Value)
		}
		if err != nil {
			c.broken("signature", row.Key, err)
			return
		}
		if entry := c.entry(id); entry == nil || !hasForm(entry, group, size) {
			c.loose("signature", row.Key, fmt.Sprintf("it is of entry %s, which is not there or has no such normal form", id))
		}
	})
	return err
}

func hasForm(entry *keyspace.Entry, group keyspace.Group, size uint32) bool {
	for _, form := range entry.Forms {
		of := keyspace.GroupOf(entry.Namespace, form.Generation)
		if bytes.Equal(of[:], group[:]) && form.Grams == size {
			return true
		}
	}
	return false
}
