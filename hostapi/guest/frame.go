package guest

import (
	"encoding/binary"
	"errors"
)

var errFrame = errors.New("the host's frame is not as the contract draws it")

// work is memory that calls use again.
var work struct {
	texts  []string
	scores []float32
	set    []uint64
	bytes  []byte
	frame  []byte
}

// reader takes numbers and texts off the front of a frame.
type reader struct {
	left   []byte
	broken bool
}

func (r *reader) u32() uint32 {
	if len(r.left) < 4 {
		r.broken, r.left = true, nil
		return 0
	}
	v := binary.LittleEndian.Uint32(r.left)
	r.left = r.left[4:]
	return v
}

func (r *reader) text(n uint32) string {
	if uint64(n) > uint64(len(r.left)) {
		r.broken, r.left = true, nil
		return ""
	}
	text := view(r.left[:n])
	r.left = r.left[n:]
	return text
}

// lengths takes n numbers, to be read one by one.
func (r *reader) lengths(n uint32) reader {
	if uint64(n)*4 > uint64(len(r.left)) {
		r.broken, r.left = true, nil
		return reader{}
	}
	taken := reader{left: r.left[:4*n]}
	r.left = r.left[4*n:]
	return taken
}

// texts takes one text for each of the lengths.
func (r *reader) texts(lengths reader) []string {
	work.texts = work.texts[:0]
	for len(lengths.left) > 0 && !r.broken {
		work.texts = append(work.texts, r.text(lengths.u32()))
	}
	return work.texts
}

func (r *reader) end() error {
	if r.broken || len(r.left) > 0 {
		return errFrame
	}
	return nil
}

// readScoreFrame reads the input of kvasir_score. The texts are views of the frame.
func readScoreFrame(frame []byte) (query string, candidates []string, err error) {
	r := reader{left: frame}
	n, flags, size := r.u32(), r.u32(), r.u32()
	lengths := r.lengths(n)
	query = r.text(size)
	candidates = r.texts(lengths)
	if flags != 0 {
		return "", nil, errFrame
	}
	return query, candidates, r.end()
}

// readFeaturesFrame reads the input of kvasir_features. The texts are views of the frame.
func readFeaturesFrame(frame []byte) ([]string, error) {
	r := reader{left: frame}
	texts := r.texts(r.lengths(r.u32()))
	return texts, r.end()
}

// appendScoreFrame appends the input of ngram_jaccard.
func appendScoreFrame(b []byte, query string, candidates []string) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(len(candidates)))
	b = binary.LittleEndian.AppendUint32(b, 0)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(query)))
	for _, c := range candidates {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(c)))
	}
	b = append(b, query...)
	for _, c := range candidates {
		b = append(b, c...)
	}
	return b
}

// appendSetFrame appends the input of set_jaccard.
func appendSetFrame(b []byte, query []uint64, candidates [][]uint64) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(1+len(candidates)))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(query)))
	for _, c := range candidates {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(c)))
	}
	for len(b)%8 != 0 {
		b = append(b, 0)
	}
	b = appendNumbers(b, query)
	for _, c := range candidates {
		b = appendNumbers(b, c)
	}
	return b
}

func appendNumbers(b []byte, set []uint64) []byte {
	for _, n := range set {
		b = binary.LittleEndian.AppendUint64(b, n)
	}
	return b
}
