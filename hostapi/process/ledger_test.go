package process

import (
	"os"
	"path/filepath"
	"testing"
)

func TestLedger_TellsWhatStarted(t *testing.T) {
	dir := t.TempDir()
	l := newLedger(dir)
	if got := StartedNumbers(dir); len(got) != 0 {
		t.Errorf("a new ledger has %v", got)
	}
	for _, n := range []uint64{7, 0, 1 << 60} {
		l.note(n)
	}
	if got := StartedNumbers(dir); len(got) != 2 || !got[7] || !got[1<<60] {
		t.Errorf("started %v; want 7 and 1<<60", got)
	}
}

func TestLedger_KeepsTheLast(t *testing.T) {
	dir := t.TempDir()
	l := newLedger(dir)
	const n = ledgerRecords + 10
	for i := range uint64(n) {
		l.note(i + 1)
	}
	got := StartedNumbers(dir)
	if len(got) != ledgerRecords || got[10] || !got[11] || !got[n] {
		t.Errorf("%d numbers; want the last %d", len(got), ledgerRecords)
	}
	if info, err := os.Stat(filepath.Join(dir, ledgerName)); err != nil || info.Size() != ledgerRecords*recordSize {
		t.Errorf("file %v, %v; it must not grow", info, err)
	}
}

func TestLedger_IsOptional(t *testing.T) {
	newLedger("").note(1)
	newLedger(filepath.Join(t.TempDir(), "absent")).note(1)
	if got := StartedNumbers(t.TempDir()); len(got) != 0 {
		t.Errorf("a folder without a ledger has %v", got)
	}
}

func TestLedger_TakesAnyFile(t *testing.T) {
	dir := t.TempDir()
	big := make([]byte, 3*ledgerRecords*recordSize+5)
	for _, data := range [][]byte{nil, {1, 2, 3}, {1, 0, 0, 0, 0, 0, 0, 0, 9}, big} {
		if err := os.WriteFile(filepath.Join(dir, ledgerName), data, 0o600); err != nil {
			t.Fatal(err)
		}
		if got := StartedNumbers(dir); len(got) > 1 {
			t.Errorf("%d bytes give %v", len(data), got)
		}
	}
}
