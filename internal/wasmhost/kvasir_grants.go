package wasmhost

import (
	"context"
	"encoding/binary"
	"time"

	"github.com/kvasir-cache/kvasir/hostapi"
)

// within returns a context for a service that may block: it ends when the call's time does.
func (in *instance) within() (context.Context, context.CancelFunc) {
	return context.WithDeadline(in.caller, time.Now().Add(in.budget.wall))
}

// hostTokenize gives the tokens of a text as i32.
func hostTokenize(in *instance, s []uint64) {
	in.charge(stepsService)
	text, ok := in.text("tokenize", s[0], s[1], hostapi.MaxText)
	if !ok {
		s[0] = none
		return
	}
	in.charge(uint64(len(text)) / bytesTokenized)
	ctx, cancel := in.within()
	defer cancel()
	tokens, err := in.plugin.services.Tokenize(ctx, string(text))
	if err != nil {
		s[0] = none
		return
	}
	out := make([]byte, 0, 4*len(tokens))
	for _, t := range tokens {
		out = binary.LittleEndian.AppendUint32(out, uint32(t))
	}
	s[0] = in.put("tokenize", out, s[2], s[3])
}

func hostKVGet(in *instance, s []uint64) {
	in.charge(stepsService)
	key, ok := in.text("kv_get", s[0], s[1], maxKey)
	if !ok {
		s[0] = none
		return
	}
	ctx, cancel := in.within()
	defer cancel()
	value, found := in.plugin.services.KV.Get(ctx, string(key))
	if !found || len(value) > maxValue {
		s[0] = none
		return
	}
	s[0] = in.put("kv_get", value, s[2], s[3])
}

// hostKVPut returns 0, or -1 where the value is not kept.
func hostKVPut(in *instance, s []uint64) {
	in.charge(stepsService)
	key, ok := in.text("kv_put", s[0], s[1], maxKey)
	value := in.arg("kv_put", s[2], s[3])
	s[0] = none
	if !ok || len(value) > maxValue {
		return
	}
	in.charge(uint64(len(value)) / bytesCopied)
	ctx, cancel := in.within()
	defer cancel()
	if in.plugin.services.KV.Put(ctx, string(key), value) == nil {
		s[0] = 0
	}
}

func hostNow(in *instance, s []uint64) {
	in.charge(stepsCall)
	s[0] = uint64(in.plugin.services.Now().UnixMilli())
}

func hostRandom(in *instance, s []uint64) {
	b := in.arg("random", s[0], s[1])
	in.charge(stepsService + uint64(len(b)))
	in.plugin.services.Random(b)
}
