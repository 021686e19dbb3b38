// Package snapshot reads and writes exports: the entries of a store as JSON Lines.
//
//	w := snapshot.NewWriter(file)
//	err := w.Write(&record)
//	err = w.End()
//
//	r, err := snapshot.NewReader(file)
//	record, err := r.Next() // io.EOF after the last
//
// The first line says what the file is and which version of the format it has, each line after it is one
// entry, and the last says how many there are. docs/formats/export.md draws them. A line that cannot be read
// is a *LineError, after which the next one can; nothing of a bad line is used.
//
// The package knows no store: it neither makes keys nor decides what becomes of an entry.
package snapshot

// Version is the format version this package writes, and the newest it reads.
const Version = 1
