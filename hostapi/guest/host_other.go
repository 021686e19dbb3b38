//go:build !wasip1

package guest

// absent is what host functions say of what they do not know.
const absent = -1

// lastError is what the plugin said last, for tests.
var lastError string

func hostErrorSet(text string) { lastError = text }

func hostLog(uint32, string)                                        {}
func hostMetricAdd(string, float64)                                 {}
func hostConfigGet(string, []byte) int32                            { return absent }
func hostTextFold(uint32, string, []byte) int32                     { return absent }
func hostNgrams(uint32, uint32, uint32, string, []byte) int32       { return absent }
func hostNgramJaccard(uint32, uint32, uint32, string, []byte) int32 { return absent }
func hostSetJaccard(string, []byte) int32                           { return absent }
func hostTokenize(string, []byte) int32                             { return absent }
func hostKVGet(string, []byte) int32                                { return absent }
func hostKVPut(string, []byte) int32                                { return absent }
func hostNowMS() int64                                              { return 0 }
func hostRandom([]byte)                                             {}
