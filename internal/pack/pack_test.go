package pack

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/kvasir-cache/kvasir/internal/base"
)

var private = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))

func public() ed25519.PublicKey { return private.Public().(ed25519.PublicKey) }

func full(from int) []base.Token {
	tokens := make([]base.Token, base.ChunkTokens)
	for i := range tokens {
		tokens[i] = base.Token(from + i)
	}
	return tokens
}

const export = "{\"kvasir\":\"export\",\"version\":1}\n{\"end\":true,\"entries\":0}\n"

func made(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := NewWriter(&b)
	if err == nil {
		err = w.Entries(func(w io.Writer) (int, error) {
			_, err := io.WriteString(w, export)
			return 0, err
		})
	}
	for _, c := range []Chunk{
		{State: Hash{1}, Parent: -1, Tokens: full(0), Origin: base.OriginPrefill, Cost: 5},
		{State: Hash{1}, Parent: 0, From: 64, Tokens: []base.Token{9, -1}, Origin: base.OriginDecode},
	} {
		if err == nil {
			err = w.Chunk(c, []byte("state "+string(c.Origin)))
		}
	}
	if err == nil {
		err = w.Sign(private)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// readAll opens a pack and reads everything in it.
func readAll(data []byte) (p *Pack, entries string, chunks []string, err error) {
	p, err = Open(bytes.NewReader(data), int64(len(data)), public())
	if err != nil {
		return nil, "", nil, err
	}
	err = p.ReadEntries(func(r io.Reader) error {
		text, err := io.ReadAll(r)
		entries = string(text)
		return err
	})
	for i := range p.Chunks {
		payload, failed := p.Chunk(i, nil)
		chunks, err = append(chunks, string(payload)), errors.Join(err, failed)
	}
	return p, entries, chunks, err
}

func TestPack_HoldsWhatWasWritten(t *testing.T) {
	data := made(t)
	p, entries, chunks, err := readAll(data)
	if err != nil || entries != export || !reflect.DeepEqual(chunks, []string{"state prefill", "state decode"}) {
		t.Fatalf("%q %q, %v", entries, chunks, err)
	}
	if p.Entries.Count != 0 || len(p.Chunks) != 2 || p.Chunks[1].Parent != 0 || p.Chunks[1].Tokens[1] != -1 || p.Chunks[0].Cost != 5 {
		t.Errorf("%+v", p.Manifest)
	}
	text, err := os.ReadFile(filepath.Join("testdata", "pack_v1.hex"))
	if err != nil {
		t.Fatal(err)
	}
	want, err := hex.DecodeString(strings.Join(strings.Fields(string(text)), ""))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(data, want) {
		t.Errorf("got\n%x\nwant\n%x", data, want)
	}
}

// TestPack_NoFlippedBitPasses flips every bit, one at a time.
func TestPack_NoFlippedBitPasses(t *testing.T) {
	data := made(t)
	for at := range data {
		for bit := range 8 {
			data[at] ^= 1 << bit
			if _, _, _, err := readAll(data); !errors.Is(err, ErrFormat) && !errors.Is(err, ErrSignature) {
				t.Fatalf("byte %d, bit %d: %v", at, bit, err)
			}
			data[at] ^= 1 << bit
		}
	}
	for n := range data {
		if _, _, _, err := readAll(data[:n]); err == nil {
			t.Fatalf("the first %d of %d bytes pass", n, len(data))
		}
	}
}

func TestOpen_TrustsOneKey(t *testing.T) {
	data := made(t)
	other := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{8}, ed25519.SeedSize)).Public().(ed25519.PublicKey)
	_, err := Open(bytes.NewReader(data), int64(len(data)), other)
	if !errors.Is(err, ErrSignature) || !strings.Contains(err.Error(), Fingerprint(public())) || base.Hint(err) == "" {
		t.Errorf("%v", err)
	}
}

// signedManifest is a pack of a manifest alone.
func signedManifest(manifest []byte) []byte {
	data := binary.LittleEndian.AppendUint32([]byte(magic), Version)
	data = binary.LittleEndian.AppendUint32(data, 0)
	data = append(data, manifest...)
	data = binary.LittleEndian.AppendUint64(data, uint64(len(manifest)))
	data = append(data, public()...)
	data = append(data, ed25519.Sign(private, signed(manifest))...)
	return append(data, magic...)
}

func TestManifest_RefusesWhatNoPackHas(t *testing.T) {
	change := func(f func(m *Manifest)) []byte {
		p, _, _, err := readAll(made(t))
		if err != nil {
			t.Fatal(err)
		}
		f(&p.Manifest)
		data, err := json.Marshal(&p.Manifest)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	for want, manifest := range map[string][]byte{
		"version 2":                  change(func(m *Manifest) { m.Version = 2 }),
		"it is none of a pack":       change(func(m *Manifest) { m.Kvasir = "export" }),
		"65 tokens":                  change(func(m *Manifest) { m.Chunks[1].Tokens = make([]base.Token, 65) }),
		"0 tokens":                   change(func(m *Manifest) { m.Chunks[0].Tokens = nil }),
		"follows nothing":            change(func(m *Manifest) { m.Chunks[1].Parent = -1 }),
		"which is not before it":     change(func(m *Manifest) { m.Chunks[0].Parent = 1 }),
		"does not follow chunk 0":    change(func(m *Manifest) { m.Chunks[1].Tenant = "x" }),
		"origin \"x\"":               change(func(m *Manifest) { m.Chunks[1].Origin = "x" }),
		"-5 bytes":                   change(func(m *Manifest) { m.Chunks[1].Bytes = -5 }),
		"and its manifest speaks of": change(func(m *Manifest) { m.Entries.Bytes = 1 << 61 }),
		"fewer than none":            change(func(m *Manifest) { m.Entries.Bytes = -1 }),
		"cost is negative":           change(func(m *Manifest) { m.Chunks[0].Cost = -1 }),
		"something after its last":   append(change(func(*Manifest) {}), '1'),
		"unknown field":              []byte(`{"x":1}`),
		"a hash is 64 hex digits":    []byte(`{"entries":{"sha256":"AB"}}`),
	} {
		if manifest == nil {
			continue
		}
		data := signedManifest(manifest)
		if _, err := Open(bytes.NewReader(data), int64(len(data)), public()); !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestKeys_AreMadeAndRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	made, err := MakeKeys(path)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := PrivateKey(path)
	if err != nil || !made.Equal(secret.Public()) {
		t.Errorf("%v", err)
	}
	if open, err := PublicKey(path + ".pub"); err != nil || !made.Equal(open) {
		t.Errorf("%v", err)
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	if _, err := MakeKeys(path); !errors.Is(err, os.ErrExist) {
		t.Errorf("keys are written over: %v", err)
	}
	if _, err := PublicKey(path); !errors.Is(err, base.ErrInvalid) || base.Hint(err) == "" {
		t.Errorf("a private key as a public one: %v", err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := PrivateKey(path); !errors.Is(err, os.ErrPermission) || base.Hint(err) == "" {
		t.Errorf("a key that others may read: %v", err)
	}
}

// FuzzOpen opens any bytes, and any manifest that is signed. Neither panics, and what is taken is whole.
func FuzzOpen(f *testing.F) {
	data := made(f)
	f.Add(data)
	f.Add(data[:len(data)/2])
	f.Add(data[headerSize+len(export)+len("state prefillstate decode") : len(data)-footerSize])
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, file := range [][]byte{data, signedManifest(data)} {
			p, err := Open(bytes.NewReader(file), int64(len(file)), public())
			if err != nil {
				if !errors.Is(err, ErrFormat) && !errors.Is(err, ErrSignature) {
					t.Fatalf("got %v, want ErrFormat or ErrSignature", err)
				}
				continue
			}
			for i := range p.Chunks {
				if payload, err := p.Chunk(i, nil); err == nil && int64(len(payload)) != p.Chunks[i].Bytes {
					t.Fatalf("chunk %d has %d bytes", i, len(payload))
				}
			}
		}
	})
}
