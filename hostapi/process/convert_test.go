package process

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	pb "github.com/kvasir-cache/kvasir/hostapi/process/inferencepb"
	"github.com/kvasir-cache/kvasir/internal/base"
)

// fill sets every field below v to a value of its own, so that a field that a conversion forgets
// shows up as a difference.
func fill(v reflect.Value, n *int) {
	*n++
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), n)
		fill(v.Index(1), n)
	case reflect.String:
		v.SetString("text" + time.Duration(*n).String())
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), n)
		}
	case reflect.Func: // no part of a message
	case reflect.Uint8:
		v.SetUint(uint64(*n % 251))
	case reflect.Float64:
		v.SetFloat(float64(*n) / 4)
	case reflect.Float32:
		v.SetFloat(float64(*n) / 4)
	case reflect.Uint32:
		v.SetUint(uint64(*n))
	default:
		v.SetInt(int64(*n))
	}
}

func filled[T any]() *T {
	v := new(T)
	n := 0
	fill(reflect.ValueOf(v).Elem(), &n)
	return v
}

// overWire marshals m and unmarshals it into a new message.
func overWire[M proto.Message](t *testing.T, m M) M {
	t.Helper()
	data, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	out := m.ProtoReflect().New().Interface().(M)
	if err := proto.Unmarshal(data, out); err != nil {
		t.Fatal(err)
	}
	return out
}

func same(t *testing.T, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("after the wire:\n got %+v\nwant %+v", got, want)
	}
}

func TestConvert_KeepsEveryField(t *testing.T) {
	request := filled[base.Request]()
	if err := passesNothing(request); !errors.Is(err, base.ErrUnsupported) {
		t.Errorf("fields for an upstream: %v", err)
	}
	request.Passed = nil // which never goes over this wire
	same(t, DecodeRequest(overWire(t, EncodeRequest(request))), request)

	info := filled[base.Info]()
	same(t, decodeInfo(overWire(t, encodeInfo(info))), info)

	load := filled[base.LoadOptions]()
	got := decodeLoad(overWire(t, encodeLoad(load)))
	same(t, &got, load)

	result := filled[base.Result]()
	same(t, decodeResult(overWire(t, encodeResult(result))), result)

	plan := filled[base.StatePlan]()
	gotPlan, err := decodePlan(overWire(t, encodePlan(plan)))
	if err != nil {
		t.Fatal(err)
	}
	same(t, gotPlan, plan)

	report := filled[base.StateReport]()
	same(t, decodeReport(overWire(t, encodeReport(report))), report)

	check := filled[base.StateCheck]()
	same(t, decodeCheck(overWire(t, encodeCheck(check))), check)

	embeddings := filled[base.Embeddings]()
	same(t, decodeEmbeddings(overWire(t, encodeEmbeddings(embeddings))), embeddings)
}

func TestConvert_KeepsZero(t *testing.T) {
	same(t, DecodeRequest(overWire(t, EncodeRequest(&base.Request{}))), &base.Request{})
	same(t, decodeInfo(overWire(t, encodeInfo(&base.Info{}))), &base.Info{})
	same(t, DecodeRequest(nil), &base.Request{})
	same(t, decodeResult(nil), &base.Result{})
}

func TestConvert_TellsSeedZeroFromNoSeed(t *testing.T) {
	zero := uint32(0)
	r := DecodeRequest(overWire(t, EncodeRequest(&base.Request{Sampling: base.Sampling{Seed: &zero}})))
	if r.Sampling.Seed == nil || *r.Sampling.Seed != 0 {
		t.Errorf("seed is %v; want a pointer to 0", r.Sampling.Seed)
	}
}

func TestConvert_TakesAnyBytesInPathsAndNames(t *testing.T) {
	info := decodeInfo(overWire(t, encodeInfo(&base.Info{
		Model: base.ModelInfo{Path: "caf\xe9.gguf", Name: "caf\xe9"},
	})))
	if info.Model.Path != "caf\xe9.gguf" || info.Model.Name != "caf\uFFFD" {
		t.Errorf("path %q, name %q; the path must stay, the name become UTF-8", info.Model.Path, info.Model.Name)
	}
}

func FuzzDecodeRequest(f *testing.F) {
	seed, err := proto.Marshal(EncodeRequest(filled[base.Request]()))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		var m pb.GenerateRequest
		if proto.Unmarshal(data, &m) != nil {
			return
		}
		r := DecodeRequest(&m)
		if r.Validate() != nil {
			return
		}
		same(t, DecodeRequest(overWire(t, EncodeRequest(r))), r)
	})
}
