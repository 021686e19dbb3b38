package guest

import "unsafe"

// The host functions as the contract has them. A string is passed as a pointer and a length.

//go:wasmimport kvasir log
func hostLog(level uint32, text string)

//go:wasmimport kvasir error_set
func hostErrorSet(text string)

//go:wasmimport kvasir config_get
func configGet(key string, buf *byte, capacity uint32) int32

//go:wasmimport kvasir metric_add
func hostMetricAdd(name string, add float64)

//go:wasmimport kvasir text_fold
func textFold(flags uint32, text string, buf *byte, capacity uint32) int32

//go:wasmimport kvasir ngrams
func ngrams(unit, min, max uint32, text string, buf *byte, capacity uint32) int32

//go:wasmimport kvasir ngram_jaccard
func ngramJaccard(unit, min, max uint32, frame string, buf *byte, capacity uint32) int32

//go:wasmimport kvasir set_jaccard
func setJaccard(frame string, buf *byte, capacity uint32) int32

//go:wasmimport kvasir tokenize
func tokenize(text string, buf *byte, capacity uint32) int32

//go:wasmimport kvasir kv_get
func kvGet(key string, buf *byte, capacity uint32) int32

//go:wasmimport kvasir kv_put
func kvPut(key string, value *byte, n uint32) int32

//go:wasmimport kvasir now_ms
func hostNowMS() int64

//go:wasmimport kvasir random
func random(buf *byte, n uint32)

func hostConfigGet(key string, buf []byte) int32 {
	return configGet(key, unsafe.SliceData(buf), uint32(len(buf)))
}

func hostTextFold(flags uint32, text string, buf []byte) int32 {
	return textFold(flags, text, unsafe.SliceData(buf), uint32(len(buf)))
}

func hostNgrams(unit, min, max uint32, text string, buf []byte) int32 {
	return ngrams(unit, min, max, text, unsafe.SliceData(buf), uint32(len(buf)))
}

func hostNgramJaccard(unit, min, max uint32, frame string, buf []byte) int32 {
	return ngramJaccard(unit, min, max, frame, unsafe.SliceData(buf), uint32(len(buf)))
}

func hostSetJaccard(frame string, buf []byte) int32 {
	return setJaccard(frame, unsafe.SliceData(buf), uint32(len(buf)))
}

func hostTokenize(text string, buf []byte) int32 {
	return tokenize(text, unsafe.SliceData(buf), uint32(len(buf)))
}

func hostKVGet(key string, buf []byte) int32 {
	return kvGet(key, unsafe.SliceData(buf), uint32(len(buf)))
}

func hostKVPut(key string, value []byte) int32 {
	return kvPut(key, unsafe.SliceData(value), uint32(len(value)))
}

func hostRandom(b []byte) { random(unsafe.SliceData(b), uint32(len(b))) }
