package control

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/kvasir-cache/kvasir/engine"
)

// FuzzRoutes sends any operation with any body. The answer is an error of the caller's, or a reply.
func FuzzRoutes(f *testing.F) {
	e, err := engine.Open(engine.Options{State: engine.StateOptions{Dir: f.TempDir()}})
	if err != nil {
		f.Fatal(err)
	}
	defer e.Close()
	handler := routes(e, nil)
	for _, op := range []string{opHello, opLookup, opRemember, opStats, opList, opGet, opRemove, opPin, opForget, opCompact, opHistory, opResume, opSettle,
		opExport, opImport, opReindex, opSnapshot, opSnapshotted, opStateChunks, opStatePlace, opAdmit, opMarkBad, opUndoBad, opListBad, "x"} {
		f.Add(op, `{}`)
		f.Add(op, `"1"`)
	}
	q, _ := json.Marshal(rememberArgs{query("q"), answer("a")})
	f.Add(opRemember, string(q))
	f.Add(opResume, `{"Tenant":"a","Tokens":[1,2,3],"Restore":{"Limited":true,"Tokens":-5}}`)
	f.Add(opSettle, `{"Lease":1,"Save":true,"Report":{"Saved":[{"From":-64,"Tokens":[1],"Origin":"decode","Temp":"/etc/passwd","Bytes":9}],"Bad":[{}]}}`)
	f.Add(opExport, `{"From":"1","Filter":{"Model":"0"}}`)
	f.Add(opImport, `{"Records":[{"model":"x","created":"2026-01-01T00:00:00Z","request":{"prompt":"a"}}],"Merge":"keep"}`)
	f.Add(opMarkBad, `{"ID":"1","Prompt":"other"}`)
	f.Add(opUndoBad, `{"ID":"1"}`)
	f.Add(opAdmit, `{"Chunks":[{"Tokens":[1],"Origin":"prefill","Temp":"/etc/passwd","Bytes":999}]}`)
	f.Add(opReindex, `true`)
	f.Add(opSnapshotted, `null`)
	f.Fuzz(func(t *testing.T, op, body string) {
		request, err := http.NewRequest(http.MethodPost, "http://store/control/1/x", strings.NewReader(body))
		if err != nil {
			t.Skip()
		}
		request.URL.Path = path(op)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, request)
		if w.Code >= 500 {
			t.Errorf("%s %q: status %d", op, body, w.Code)
		}
		if w.Code == http.StatusOK && !json.Valid(w.Body.Bytes()) {
			t.Errorf("%s %q: %s", op, body, w.Body)
		}
	})
}
