package store

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestPage_ReadsOnFromWhereItStopped(t *testing.T) {
	s := mustOpen(t, Options{Memory: true})
	for i := range 10 {
		s.Apply(Set(fmt.Appendf(nil, "e%d", i), nil), Set(fmt.Appendf(nil, "f%d", i), nil))
	}
	var got []string
	var from []byte
	pages := 0
	for {
		rows, next, err := s.Page([]byte("e"), from, 4)
		must(t, err)
		for _, r := range rows {
			got = append(got, string(r.Key))
		}
		if pages++; next == nil {
			break
		}
		from = next
	}
	if want := "[e0 e1 e2 e3 e4 e5 e6 e7 e8 e9]"; fmt.Sprint(got) != want || pages != 3 {
		t.Errorf("got %v in %d pages, want %v in 3", got, pages, want)
	}
}

func TestPage_StopsAtItsBytes(t *testing.T) {
	s := mustOpen(t, Options{Memory: true})
	for i := range 5 {
		s.Apply(Set([]byte{'e', byte(i)}, make([]byte, pageBytes/2)))
	}
	rows, next, err := s.Page([]byte("e"), nil, 0)
	must(t, err)
	if len(rows) != 2 || !bytes.Equal(next, []byte{'e', 2}) {
		t.Errorf("got %d rows and then %q, want 2 and the third key", len(rows), next)
	}
}

func TestWalk_MayChangeTheStoreAndStop(t *testing.T) {
	s := mustOpen(t, Options{Memory: true})
	for i := range 1000 {
		s.Apply(Set(fmt.Appendf(nil, "e%03d", i), nil))
	}
	seen := 0
	for row, err := range s.Walk([]byte("e")) {
		must(t, err)
		if err := s.Apply(Delete(row.Key)).Err(); err != nil {
			t.Fatal(err)
		}
		if seen++; seen == 600 {
			break
		}
	}
	rows, _, err := s.Page([]byte("e"), nil, 1000)
	must(t, err)
	if len(rows) != 400 || string(rows[0].Key) != "e600" {
		t.Errorf("got %d rows left, want the 400 from e600 on", len(rows))
	}
}

func TestWalk_EndsWithAnErrorWhenTheStoreIsClosed(t *testing.T) {
	s := mustOpen(t, Options{Memory: true})
	must(t, s.Close())
	for _, err := range s.Walk(nil) {
		if err == nil {
			t.Error("got a row of a closed store")
		}
	}
}

func TestSuccessor_IsTheFirstKeyBehindThePrefix(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		prefix := rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 0xfe, 0xff}), 0, 3).Draw(t, "prefix")
		key := rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 0xfe, 0xff}), 0, 5).Draw(t, "key")
		end := successor(prefix)
		within := bytes.Compare(key, prefix) >= 0 && (end == nil || bytes.Compare(key, end) < 0)
		if within != bytes.HasPrefix(key, prefix) {
			t.Fatalf("prefix %x ends before %x: key %x lies within: %t, want %t", prefix, end, key, within, !within)
		}
		if slices.Contains([]string{"", "\xff", "\xff\xff", "\xff\xff\xff"}, string(prefix)) != (end == nil) {
			t.Fatalf("prefix %x: got successor %x", prefix, end)
		}
	})
}
