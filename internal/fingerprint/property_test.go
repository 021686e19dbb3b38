package fingerprint

import (
	"math/rand"
	"reflect"
	"slices"
	"testing"

	"github.com/kvasir-cache/kvasir/internal/base"
	"pgregory.net/rapid"
)

// anyRequest draws valid requests of every form, from few values, so that neutral and equal ones
// are common.
func anyRequest() *rapid.Generator[*base.Request] {
	return rapid.Custom(func(t *rapid.T) *base.Request {
		r := &base.Request{
			MaxTokens: rapid.IntRange(0, 9).Draw(t, "max tokens"),
			Stop:      rapid.SliceOfN(rapid.StringN(1, 3, 12), 0, 3).Draw(t, "stop"),
			Sampling:  anySampling().Draw(t, "sampling"),
			Passed:    rapid.SliceOfN(anyPassed(), 0, 3).Draw(t, "passed"),
		}
		switch rapid.IntRange(0, 2).Draw(t, "form") {
		case 0:
			r.Messages = rapid.SliceOfN(anyMessage(), 1, 4).Draw(t, "messages")
		case 1:
			r.Prompt = rapid.StringN(1, 20, 80).Draw(t, "prompt")
		default:
			r.Tokens = rapid.SliceOfN(rapid.Int32(), 1, 9).Draw(t, "tokens")
		}
		return r
	})
}

func anyPassed() *rapid.Generator[base.Passed] {
	return rapid.Custom(func(t *rapid.T) base.Passed {
		return base.Passed{
			Name:  rapid.SampledFrom([]string{"user", "tools", "x"}).Draw(t, "name"),
			Value: rapid.SampledFrom([]string{"null", "1", `"a"`, `"b"`}).Draw(t, "value"),
		}
	})
}

func anyMessage() *rapid.Generator[base.Message] {
	return rapid.Custom(func(t *rapid.T) base.Message {
		return base.Message{
			Role:    rapid.SampledFrom([]string{"system", "user", "assistant", "tool"}).Draw(t, "role"),
			Content: rapid.String().Draw(t, "content"),
		}
	})
}

func anySampling() *rapid.Generator[base.Sampling] {
	number := rapid.SampledFrom([]float32{0, 0, 1, 0.5, 0.25})
	count := rapid.SampledFrom([]int{0, 0, 1, 64})
	bias := rapid.Custom(func(t *rapid.T) base.LogitBias {
		return base.LogitBias{Token: rapid.Int32Range(-2, 2).Draw(t, "token"), Bias: number.Draw(t, "bias")}
	})
	return rapid.Custom(func(t *rapid.T) base.Sampling {
		return base.Sampling{
			Temperature: number.Draw(t, "temperature"), TopK: count.Draw(t, "top-k"), TopP: number.Draw(t, "top-p"), MinP: number.Draw(t, "min-p"),
			RepeatPenalty: number.Draw(t, "repeat"), RepeatLastN: count.Draw(t, "last n"),
			FrequencyPenalty: number.Draw(t, "frequency"), PresencePenalty: number.Draw(t, "presence"),
			LogitBias: rapid.SliceOfN(bias, 0, 4).Draw(t, "biases"),
			Seed:      rapid.Ptr(rapid.Uint32Range(0, 2), true).Draw(t, "seed"),
			Grammar:   rapid.SampledFrom([]string{"", "root ::= [0-9]"}).Draw(t, "grammar"),
		}
	})
}

func TestProperty_ParsedRequestsHaveTheirKeys(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := canonicalize(t, anyRequest().Draw(t, "request"))
		r, err := ParseCanonical(c.Bytes, c.Subject)
		if err != nil {
			t.Fatalf("%x, %q: %v", c.Bytes, c.Subject, err)
		}
		if again := canonicalize(t, r); !reflect.DeepEqual(again, c) {
			t.Fatalf("%+v became %+v", c, again)
		}
	})
}

// One canonical form means one effective request: nothing that may change an answer is lost.
func TestProperty_EqualFormsAreEqualRequests(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := anyRequest().Draw(t, "a"), anyRequest().Draw(t, "b")
		if rapid.Bool().Draw(t, "same prompt") {
			b.Messages, b.Prompt, b.Tokens = a.Messages, a.Prompt, a.Tokens
		}
		ca, cb := canonicalize(t, a), canonicalize(t, b)
		same := string(ca.Bytes) == string(cb.Bytes) && ca.Subject == cb.Subject
		ea, eb := effective(a), effective(b)
		if equal := equalRequests(ea, eb); equal != same {
			t.Fatalf("same form: %t, same request: %t\n%+v\n%+v", same, equal, ea, eb)
		}
	})
}

func equalRequests(a, b base.Request) bool {
	for _, r := range []*base.Request{&a, &b} { // an empty slice is as good as none
		r.Passed = append([]base.Passed{}, r.Passed...)
		r.Messages, r.Stop, r.Tokens = slices.Clip(append([]base.Message{}, r.Messages...)), append([]string{}, r.Stop...), append([]base.Token{}, r.Tokens...)
	}
	return reflect.DeepEqual(a, b)
}

func TestProperty_OrderThatDoesNotCountIsNotSeen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := anyRequest().Draw(t, "request")
		want := canonicalize(t, r)
		shuffle := rand.New(rand.NewSource(rapid.Int64().Draw(t, "order")))
		shuffle.Shuffle(len(r.Stop), func(i, j int) { r.Stop[i], r.Stop[j] = r.Stop[j], r.Stop[i] })
		slices.SortStableFunc(r.Sampling.LogitBias, func(a, b base.LogitBias) int { return int(b.Token) - int(a.Token) })
		r.MaxTokens = rapid.IntRange(0, 99).Draw(t, "other max tokens")
		if got := canonicalize(t, r); !reflect.DeepEqual(got, want) {
			t.Fatalf("%+v became %+v", want, got)
		}
	})
}

// Two keys are equal only if tenant, model, bytes and subject are; a namespace is never a key.
func TestProperty_KeysDoNotCollide(t *testing.T) {
	type origin struct {
		salt, model byte
		bytes, text string
	}
	namespaces, keys := map[ID]origin{}, map[ID]origin{}
	text := rapid.StringMatching(`[ab]{0,3}`)
	rapid.Check(t, func(t *rapid.T) {
		o := origin{rapid.ByteRange(0, 3).Draw(t, "salt"), rapid.ByteRange(0, 3).Draw(t, "model"), text.Draw(t, "bytes"), text.Draw(t, "subject")}
		salt := Salt{o.salt}
		namespace := Namespace(salt, ID{o.model}, Canonical{Bytes: []byte(o.bytes)})
		key := ExactKey(salt, namespace, o.text)
		if other, ok := keys[key]; ok && other != o {
			t.Fatalf("%+v and %+v have one key", o, other)
		}
		keys[key] = o
		o.text = ""
		if other, ok := namespaces[namespace]; ok && other != o {
			t.Fatalf("%+v and %+v have one namespace", o, other)
		}
		namespaces[namespace] = o
		if _, ok := namespaces[key]; ok {
			t.Fatalf("a key of %+v is a namespace", o)
		}
	})
}

// A field's end cannot be moved into the next one.
func TestProperty_ModelPartsDoNotRunTogether(t *testing.T) {
	seen := map[ID]ModelParts{}
	text := rapid.StringMatching(`[ab]{0,2}`)
	adapter := rapid.Custom(func(t *rapid.T) base.AdapterInfo {
		return base.AdapterInfo{SHA256: text.Draw(t, "hash"), Scale: rapid.SampledFrom([]float32{1, 0.5}).Draw(t, "scale")}
	})
	rapid.Check(t, func(t *rapid.T) {
		p := ModelParts{SHA256: text.Draw(t, "hash"), Template: text.Draw(t, "template"), Adapters: rapid.SliceOfN(adapter, 0, 2).Draw(t, "adapters")}
		id := ModelID(p)
		if other, ok := seen[id]; ok && !(slices.Equal(other.Adapters, p.Adapters) && other.SHA256 == p.SHA256 && other.Template == p.Template) {
			t.Fatalf("%+v and %+v have one id", p, other)
		}
		seen[id] = p
	})
}
