package openai

import (
	"bytes"
	"errors"
	"testing"
)

func TestStream_WritesEventsAsClientsReadThem(t *testing.T) {
	var b bytes.Buffer
	s := NewStream(&b)
	for _, v := range []any{map[string]string{"a": "<&>\n\n"}, &Error{Message: "m", Type: TypeServer}} {
		if err := s.Send(v); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(s.Wait(), s.Done()); err != nil {
		t.Fatal(err)
	}
	want := "data: {\"a\":\"<&>\\n\\n\"}\n\n" + `data: {"error":{"code":null,"message":"m","param":null,"type":"server_error"}}` + "\n\n: wait\n\ndata: [DONE]\n\n"
	if b.String() != want {
		t.Errorf("got %q, want %q", b.String(), want)
	}
}

func TestEmbedding_PacksVectorsAsClientsUnpackThem(t *testing.T) {
	for _, test := range []struct {
		request EmbeddingRequest
		want    string
	}{{EmbeddingRequest{}, `[1,-0.5]`}, {EmbeddingRequest{Base64: true}, `"AACAPwAAAL8="`}} {
		list, err := test.request.Encode("m", [][]float32{{1, -0.5}}, 3)
		if err != nil || string(list.Data[0].Embedding) != test.want || list.Usage.TotalTokens != 3 {
			t.Errorf("%+v, %v, want %s", list, err, test.want)
		}
	}
}
