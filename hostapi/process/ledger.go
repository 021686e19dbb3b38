package process

import (
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"sync"
)

// The ledger is a file in the socket's folder in which a host notes the number of each request that
// starts, before it works on it. It tells which requests had started when the process dies so soon
// after that its event never left it: a write to a file survives the process, a message in gRPC's
// buffers does not. Record i mod ledgerRecords is 8 bytes, little-endian; 0 is none.
const (
	ledgerName    = "started"
	ledgerRecords = 4096
	recordSize    = 8
)

type numberKey struct{}

// WithNumber returns a context whose Generate tells the host the number of the request. Numbers start
// at 1 and are not used twice with one host process.
func WithNumber(ctx context.Context, number uint64) context.Context {
	return context.WithValue(ctx, numberKey{}, number)
}

// numberOf returns the number of ctx, or 0.
func numberOf(ctx context.Context) uint64 {
	number, _ := ctx.Value(numberKey{}).(uint64)
	return number
}

// ledger writes the file. A ledger that cannot be written notes nothing; the events still tell.
type ledger struct {
	mu struct {
		sync.Mutex
		file *os.File // nil if there is none
		next int64    // record
	}
}

// newLedger returns a ledger in dir; without a dir, one that notes nothing.
func newLedger(dir string) *ledger {
	l := &ledger{}
	if dir != "" {
		l.mu.file, _ = os.OpenFile(filepath.Join(dir, ledgerName), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	}
	return l
}

// note writes number, unless it is 0. When it returns, the death of the process cannot undo it.
func (l *ledger) note(number uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.file == nil || number == 0 {
		return
	}
	record := binary.LittleEndian.AppendUint64(nil, number)
	_, _ = l.mu.file.WriteAt(record, l.mu.next*recordSize)
	l.mu.next = (l.mu.next + 1) % ledgerRecords
}

// StartedNumbers returns the numbers of the requests that the host with the socket folder dir noted
// as started, the last 4096 of them. A host without a ledger gives none.
func StartedNumbers(dir string) map[uint64]bool {
	data, err := readLedger(dir)
	if err != nil {
		return nil
	}
	numbers := map[uint64]bool{}
	for ; len(data) >= recordSize; data = data[recordSize:] {
		numbers[binary.LittleEndian.Uint64(data)] = true
	}
	delete(numbers, 0)
	return numbers
}

func readLedger(dir string) ([]byte, error) {
	f, err := os.Open(filepath.Join(dir, ledgerName))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data := make([]byte, ledgerRecords*recordSize)
	n, _ := f.ReadAt(data, 0) // a short file is the usual case
	return data[:n], nil
}
