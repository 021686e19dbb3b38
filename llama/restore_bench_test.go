//go:build llama

package llama

import (
	"io"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/blob"
	"github.com/kvasir-cache/kvasir/internal/testmodel"
)

// restored resumes a prompt and returns the state that went into llama.cpp.
func (b *bench) restored(tokens []base.Token, place int) []byte {
	b.t.Helper()
	b.rec.keep = true
	defer func() { b.rec.keep = false }()
	if _, report := b.run(tokens, 1, resumeAt(place)); report.Restored != place {
		b.t.Fatalf("report is %+v", report)
	}
	return b.rec.kept
}

// plain reads the chunk files one after the other and sets the state, and returns what both took.
func (b *bench) plain(saved []base.SavedChunk, state, buf []byte) time.Duration {
	b.t.Helper()
	began := time.Now()
	for _, c := range saved {
		file, err := os.Open(blob.Path(b.plan.Dir, c.Key))
		if err != nil {
			b.t.Fatal(err)
		}
		if _, err := io.ReadFull(file, buf[:c.Bytes]); err != nil {
			b.t.Fatal(err)
		}
		file.Close()
		buf = buf[c.Bytes:]
	}
	if err := b.rec.ctx.SetState(0, state); err != nil { // the scheduler is idle
		b.t.Fatal(err)
	}
	took := time.Since(began)
	b.rec.Clear(0)
	return took
}

// BenchmarkRestore compares restoring 1,024 tokens, with everything that is checked on the way, with a plain read
// of the same files and setting the same state, in turns.
func BenchmarkRestore(b *testing.B) {
	s := newBench(b, testModel(b, testmodel.SmolLM2_135M, testmodel.Q8_0), base.LoadOptions{})
	tokens := random(s.model, 1028, 7)
	saved := s.save(tokens, 1024).Saved
	state := s.restored(tokens, 1024)
	var size int64
	for _, c := range saved {
		size += c.Bytes
	}
	buf := make([]byte, size)
	s.plain(saved, state, buf)
	var ratios, ours, theirs []float64
	for b.Loop() {
		plain := s.plain(saved, state, buf)
		_, report := s.run(tokens, 1, resumeAt(1024))
		if report.Restored != 1024 {
			b.Fatalf("report is %+v", report)
		}
		ratios = append(ratios, float64(report.Restore)/float64(plain))
		ours, theirs = append(ours, report.Restore.Seconds()*1000), append(theirs, plain.Seconds()*1000)
	}
	b.ReportMetric(slices.Min(ours), "least-restore-ms")
	b.ReportMetric(slices.Min(theirs), "least-plain-ms")
	b.ReportMetric(median(ours), "restore-ms")
	b.ReportMetric(median(theirs), "plain-ms")
	b.ReportMetric(median(ratios), "restore/plain")
	b.ReportMetric(0, "ns/op")
}
