package snapshot

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/internal/base"
)

func sample() *Record {
	return &Record{
		Tenant: "acme", Model: strings.Repeat("ab", 32),
		Request: Request{
			Messages: []base.Message{{Role: "system", Content: "Be <brief> & \"kind\"."}, {Role: "user", Content: "Where is Niamey?\u2028\x00"}},
			Stop:     []string{"\n"}, Temperature: 0.7, TopK: 40, TopP: 0.95, MinP: 0.05, Seed: new(uint32(0)), RepeatPenalty: 1.1, RepeatLastN: 64,
			FrequencyPenalty: 0.1, PresencePenalty: -0.2, LogitBias: []Bias{{Token: 1}, {Token: 2, Bias: new(float32(1.5))}}, Grammar: "root ::= \"a\"",
		},
		Answer: "Niger", FinishReason: base.FinishStop, StopString: "\n", PromptTokens: []base.Token{1, 2}, Tokens: []base.Token{300},
		Usage: base.Usage{PromptTokens: 2, CompletionTokens: 1}, Timings: Timings{Queue: 1, Prefill: 2, Decode: 3, Cost: 5},
		Created: time.Unix(1_700_000_000, 123_456_789).UTC(), Expires: time.Unix(1_700_000_001, 0).UTC(), Uses: 3, LastUse: time.Unix(1_700_000_000, 5).UTC(),
		Topic: "geo", Tags: []string{"africa"}, Wrong: []Wrong{{Prompt: "Where is Abuja?", When: time.Unix(1_700_000_000, 9).UTC()}},
	}
}

func written(t testing.TB, records ...*Record) string {
	t.Helper()
	var b bytes.Buffer
	w := NewWriter(&b)
	for _, r := range records {
		if err := w.Write(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.End(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestFormat_WritesAndReadsTheBytesOfVersion1(t *testing.T) {
	bytewise := sample()
	bytewise.Answer = ""
	bytewise.SetAnswer("\xff")
	got := written(t, sample(), bytewise)
	want, err := os.ReadFile(filepath.Join("testdata", "export_v1.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	r, err := NewReader(bytes.NewReader(want))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []*Record{sample(), bytewise} {
		if record, err := r.Next(); err != nil || !reflect.DeepEqual(record, want) {
			t.Errorf("got %+v, %v\nwant %+v", record, err, want)
		}
	}
	if _, err := r.Next(); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
	if request := sample().Request; !reflect.DeepEqual(RequestOf(request.Base()), request) {
		t.Errorf("the request comes back as %+v", RequestOf(request.Base()))
	}
}

func TestReader_RefusesWhatIsNoExport(t *testing.T) {
	for text, want := range map[string]string{
		"": "line 1 is not that of an export", "{}\n": "line 1 is not", "[1,2]": "line 1 is not", `{"kvasir":"export"}`: "line 1 is not",
		`{"kvasir":"export","version":2}`: "format version 2; this program knows versions up to 1",
	} {
		if _, err := NewReader(strings.NewReader(text)); !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), want) || base.Hint(err) == "" {
			t.Errorf("%q: got %v, want %q and a hint", text, err, want)
		}
	}
}

func TestReader_SaysWhatIsWrongWithALine(t *testing.T) {
	whole := strings.SplitAfter(written(t, sample()), "\n")
	line := strings.TrimSuffix(whole[1], "\n")
	bare := line[:len(line)-sumSize] + "}"
	for text, want := range map[string]string{
		"{":         "line 2: it ends before its last brace",
		"no":        "line 2: no JSON from byte 2 on",
		bare + bare: "line 2: there is something after its last brace",
		strings.Replace(line, "Niger", "Nigeria", 1):      "line 2: its bytes are not those that were written",
		strings.Replace(bare, `"uses"`, `"used"`, 1):      `unknown field "used"`,
		strings.Replace(bare, `"uses":3`, `"uses":-3`, 1): "line 2: uses is a number -3, which it cannot be",
		`{"crc":"00000000",` + bare[1:]:                   "line 2: crc is not its last field",
		`{"model":"a"}`:                                   "line 2: created is missing",
	} {
		r, err := NewReader(strings.NewReader(whole[0] + text + "\n" + whole[2]))
		if err != nil {
			t.Fatal(err)
		}
		_, err = r.Next()
		var bad *LineError
		if !errors.As(err, &bad) || bad.Line != 2 || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
		if _, err := r.Next(); err != io.EOF {
			t.Errorf("%q: then %v, want the end", text, err)
		}
	}
	r, _ := NewReader(strings.NewReader(whole[0] + "\n" + bare + "\r\n" + whole[2]))
	if record, err := r.Next(); err != nil || !reflect.DeepEqual(record, sample()) {
		t.Errorf("a line that a person wrote: %+v, %v", record, err)
	}
}

func TestReader_NoticesWhatIsMissing(t *testing.T) {
	lines := strings.SplitAfter(written(t, sample(), sample()), "\n")
	for _, text := range []string{
		lines[0], lines[0] + lines[1], lines[0] + lines[1] + lines[3], strings.Join(lines, "") + lines[1], lines[0] + lines[1] + lines[2] + lines[3][:5],
	} {
		r, err := NewReader(strings.NewReader(text))
		for err == nil {
			_, err = r.Next()
			var bad *LineError
			if errors.As(err, &bad) {
				err = nil
			}
		}
		if !errors.Is(err, ErrShort) {
			t.Errorf("%d bytes: %v", len(text), err)
		}
	}
}

func TestWriteFile_IsWholeOrAsItWas(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "x.jsonl")
	write := func(text string, failure error) (Sum, error) {
		return WriteFile(path, func(w io.Writer) error {
			_, err := io.WriteString(w, text)
			return errors.Join(err, failure)
		})
	}
	sum, err := write("one", nil)
	if err != nil {
		t.Fatal(err)
	}
	if read, err := SumFile(path); err != nil || read != sum || fmt.Sprintf("%x", sum.SHA256)[:8] != "7692c3ad" {
		t.Errorf("%+v, want %+v, %v", read, sum, err)
	}
	if _, err := write("two", io.ErrClosedPipe); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("%v", err)
	}
	files, _ := os.ReadDir(filepath.Dir(path))
	if text, _ := os.ReadFile(path); string(text) != "one" || len(files) != 1 {
		t.Errorf("after a failure: %q and %d files", text, len(files))
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
}

// FuzzReader holds what reading promises of any input: it ends, and what it takes is written to the same again.
func FuzzReader(f *testing.F) {
	whole := written(f, sample())
	f.Add([]byte(whole))
	f.Add([]byte(strings.ReplaceAll(whole, `,"crc":"`, `,"Crc":"`)))
	f.Add([]byte(whole[:len(whole)/2]))
	f.Add([]byte("{\"kvasir\":\"export\",\"version\":1}\n\n{\"end\":true,\"entries\":0}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := NewReader(bytes.NewReader(data))
		if err != nil {
			return
		}
		for range len(data) + 3 {
			record, err := r.Next()
			var bad *LineError
			switch {
			case errors.As(err, &bad):
				continue
			case err != nil:
				return
			}
			once := written(t, record)
			again, err := NewReader(strings.NewReader(once))
			if err != nil {
				t.Fatal(err)
			}
			same, err := again.Next()
			if err != nil {
				t.Fatalf("%s: written and not read: %v", once, err)
			}
			if twice := written(t, same); twice != once {
				t.Fatalf("written as %s and then as %s", once, twice)
			}
		}
		t.Fatal("it does not end")
	})
}
